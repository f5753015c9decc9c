//! Registers of six bits, four of them in three bytes, lowest bits first. In memory they are as
//! they are stored, so that storing and reading is a copy.

/// A multiple of four registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed(Vec<u8>);

const MASK: u32 = 0x3f;

impl Packed {
    /// `count` registers of 0; a multiple of four.
    pub(super) fn zeros(count: usize) -> Self {
        Self(vec![0; count / 4 * 3])
    }

    /// Registers in their stored form: a multiple of three bytes.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u8> {
        let groups = self.0.as_chunks::<3>().0.iter();
        groups.flat_map(|group| ranks_of(load(group)))
    }

    /// Raises a register to at least `rank`.
    #[inline]
    pub(super) fn raise(&mut self, index: usize, rank: u8) {
        let group = &mut self.0.as_chunks_mut::<3>().0[index / 4];
        let (four, shift) = (load(group), index % 4 * 6);
        if four >> shift & MASK < u32::from(rank) {
            store(group, four & !(MASK << shift) | u32::from(rank) << shift);
        }
    }

    /// Raises each register to at least that of `other`, which has as many.
    pub(super) fn merge(&mut self, other: &Self) {
        let groups = self.0.as_chunks_mut::<3>().0.iter_mut().zip(other.0.as_chunks::<3>().0);
        for (mine, theirs) in groups {
            let (ours, others) = (load(mine), load(theirs));
            let most = [0, 6, 12, 18]
                .iter()
                .map(|shift| (ours & MASK << shift).max(others & MASK << shift))
                .fold(0, |four, register| four | register);
            store(mine, most);
        }
    }
}

#[inline]
fn load(group: &[u8; 3]) -> u32 {
    let [low, middle, high] = *group;
    u32::from_le_bytes([low, middle, high, 0])
}

#[inline]
fn store(group: &mut [u8; 3], four: u32) {
    let [low, middle, high, _] = four.to_le_bytes();
    *group = [low, middle, high];
}

fn ranks_of(four: u32) -> [u8; 4] {
    [0, 6, 12, 18].map(|shift| (four >> shift & MASK) as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_a_list_of_maxima(
            raises in prop::collection::vec((0usize..16, 0u8..64), 0..60),
            others in prop::collection::vec((0usize..16, 0u8..64), 0..60),
        ) {
            let of = |raises: &[(usize, u8)]| {
                let (mut packed, mut model) = (Packed::zeros(16), [0u8; 16]);
                for (index, rank) in raises {
                    packed.raise(*index, *rank);
                    model[*index] = model[*index].max(*rank);
                }
                (packed, model)
            };
            let (mut packed, model) = of(&raises);
            prop_assert_eq!(packed.iter().collect::<Vec<_>>(), model);
            let (other, _) = of(&others);
            packed.merge(&other);
            let (both, _) = of(&[raises, others].concat());
            prop_assert_eq!(&packed, &both);
            prop_assert_eq!(Packed::of_bytes(packed.bytes()), packed);
        }
    }
}
