use super::*;

struct Still;

impl Host for Still {
    fn let_pass(&self, _: u64) {}
    fn note(&self, _: What, _: u64, _: u64) {}
}

fn disk(seed: u64) -> SimDisk {
    SimDisk::new(Seed(seed), Arc::new(Still))
}

fn content(disk: &SimDisk, path: &str) -> Option<Vec<u8>> {
    let file = disk.open(Path::new(path), Open::Read).ok()?;
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().bytes).unwrap()];
    let count = file.read_at(&mut bytes, 0).unwrap();
    assert_eq!(count, bytes.len());
    Some(bytes)
}

fn power_loss(disk: &SimDisk) {
    disk.lose_power_before_call(1);
    assert!(disk.metadata(Path::new("/")).is_err());
    assert!(!disk.is_on());
    disk.power_on();
}

#[test]
fn a_new_file_needs_its_folder_flushed() {
    let mut lost = 0;
    for seed in 0..40 {
        let disk = disk(seed);
        let file = disk.open(Path::new("/a"), Open::Create).unwrap();
        file.write_at(b"x", 0).unwrap();
        file.sync_data().unwrap();
        drop(file);
        power_loss(&disk);
        match content(&disk, "/a") {
            None => lost += 1,
            Some(bytes) => assert_eq!(bytes, b"x", "what was flushed is in the file"),
        }
        disk.open(Path::new("/a"), Open::Create).unwrap();
        disk.flush_folder(Path::new("/")).unwrap();
        power_loss(&disk);
        assert!(content(&disk, "/a").is_some());
    }
    assert!((5..35).contains(&lost), "{lost}");
}

#[test]
fn a_rename_is_the_old_file_or_the_new_one() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let disk = disk(seed);
        for (name, text) in [("/a", b"old"), ("/a.new", b"new")] {
            let file = disk.open(Path::new(name), Open::Create).unwrap();
            file.write_at(text, 0).unwrap();
            file.sync_all().unwrap();
        }
        disk.flush_folder(Path::new("/")).unwrap();
        disk.rename(Path::new("/a.new"), Path::new("/a")).unwrap();
        power_loss(&disk);
        seen.insert(content(&disk, "/a").unwrap());
    }
    assert_eq!(seen, [b"old".to_vec(), b"new".to_vec()].into());
}

#[test]
fn linked_names_are_one_file_and_an_open_one_outlives_its_name() {
    let disk = disk(1);
    let file = disk.open(Path::new("/a"), Open::Create).unwrap();
    disk.hard_link(Path::new("/a"), Path::new("/b")).unwrap();
    file.write_at(b"both", 0).unwrap();
    assert_eq!(content(&disk, "/b").unwrap(), b"both");
    assert_eq!(disk.metadata(Path::new("/a")).unwrap().links, 2);
    disk.remove_file(Path::new("/a")).unwrap();
    disk.remove_file(Path::new("/b")).unwrap();
    let mut bytes = [0; 4];
    assert_eq!(file.read_at(&mut bytes, 0).unwrap(), 4);
    drop(file);
    disk.flush_folder(Path::new("/")).unwrap();
    assert_eq!(disk.used(), 0);
}

#[test]
fn the_nth_call_fails_once_and_is_named() {
    let disk = disk(1);
    let file = disk.open(Path::new("/a"), Open::Create).unwrap();
    disk.fail_call(2, Failure::Io);
    file.write_at(b"1", 0).unwrap();
    assert_eq!(file.write_at(b"2", 1).unwrap_err().raw_os_error(), Some(EIO));
    file.write_at(b"2", 1).unwrap();
    disk.fail_call(1, Failure::Full);
    let full = file.write_at(b"3", 2).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    disk.fail_call(1, Failure::Short);
    assert!(file.write_at(&[3; 100], 2).is_ok_and(|count| count < 100));
}

#[test]
fn a_full_disk_takes_what_fits_and_has_room_again_later() {
    let disk = disk(1);
    let file = disk.open(Path::new("/a"), Open::Create).unwrap();
    disk.set_capacity(Some(10));
    assert_eq!(file.write_at(&[1; 8], 0).unwrap(), 8);
    assert_eq!(file.write_at(&[1; 8], 8).unwrap(), 2);
    assert_eq!(file.write_at(&[1; 8], 10).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.write_at(&[2; 8], 0).unwrap(), 8, "what is there can be written again");
    disk.set_capacity(None);
    assert_eq!(file.write_at(&[1; 8], 10).unwrap(), 8);
}

#[test]
fn a_bit_flips_and_files_of_the_last_boot_are_useless() {
    let disk = disk(1);
    let file = disk.open(Path::new("/a"), Open::Create).unwrap();
    file.write_at(&[0; 4], 0).unwrap();
    disk.flip_bit(Path::new("/a"), 2, 3).unwrap();
    assert_eq!(content(&disk, "/a").unwrap(), [0, 0, 8, 0]);
    disk.kill();
    assert!(file.read_at(&mut [0], 0).is_err());
    disk.restart();
    assert!(file.read_at(&mut [0], 0).is_err());
    assert_eq!(content(&disk, "/a").unwrap(), [0, 0, 8, 0], "a kill loses nothing");
}
