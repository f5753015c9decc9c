//! TLS to PostgreSQL: the suite's own server is given a certificate for the time of this test.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "what was skipped is told")]

use std::path::PathBuf;
use std::time::Duration;

use kit::sql::{Db, SqlError, bell};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// A certificate authority, and what it has signed for `127.0.0.1`.
struct Certificates {
    _dir: tempfile::TempDir,
    roots: PathBuf,
    /// Of another authority.
    strangers: PathBuf,
    chain: String,
    key: String,
}

impl Certificates {
    fn make() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (roots, strangers) = (dir.path().join("roots.pem"), dir.path().join("strangers.pem"));
        let (issuer, root) = authority();
        std::fs::write(&roots, root).unwrap();
        std::fs::write(&strangers, authority().1).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let chain = params.signed_by(&key, &issuer).unwrap().pem();
        Self { _dir: dir, roots, strangers, chain, key: key.serialize_pem() }
    }
}

fn authority() -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), root)
}

/// The server, as whoever may configure it sees it.
struct Operator {
    client: postgres::Client,
    url: String,
}

impl Operator {
    fn of(url: &str) -> Self {
        let client = postgres::Client::connect(url, postgres::NoTls).unwrap();
        Self { client, url: url.to_owned() }
    }

    fn turn_on(&mut self, certificates: &Certificates) {
        // Written by the server, which takes no key that others could read.
        for (name, text) in [("kit.crt", &certificates.chain), ("kit.key", &certificates.key)] {
            let lines: Vec<String> = text.lines().map(|line| format!("('{line}')")).collect();
            let sql = format!(
                "COPY (SELECT * FROM (VALUES {}) AS line) TO PROGRAM 'umask 077; cat > {name}'",
                lines.join(", ")
            );
            self.client.batch_execute(&sql).unwrap();
        }
        self.set("ssl_cert_file = 'kit.crt'");
        self.set("ssl_key_file = 'kit.key'");
        self.set("ssl = on");
        self.reload("on");
    }

    fn turn_off(&mut self) {
        self.set("ssl = off");
        self.reload("off");
    }

    fn set(&mut self, setting: &str) {
        self.client.batch_execute(&format!("ALTER SYSTEM SET {setting}")).unwrap();
    }

    /// New sessions show what is in force.
    fn reload(&mut self, wanted: &str) {
        self.client.batch_execute("SELECT pg_reload_conf()").unwrap();
        for _ in 0..200 {
            let mut session = postgres::Client::connect(&self.url, postgres::NoTls).unwrap();
            let row = session.query_one("SHOW ssl", &[]).unwrap();
            if row.get::<_, String>(0) == wanted {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("the server does not turn ssl {wanted}");
    }
}

fn open(url: &str, query: &str) -> Result<Db, SqlError> {
    Db::open_postgres(&format!("{url}?{query}"), "kit_tls".to_owned(), &[])
}

fn is_encrypted(url: &str, query: &str) -> Result<bool, SqlError> {
    let db = open(url, query)?;
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let found = wait(db.read(move |tx| tx.find(sql, &[], |row| row.get(0))))?;
    Ok(found.unwrap())
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

#[test]
fn sslmode_is_honoured() {
    let Ok(url) = std::env::var("BACKPLANE_TEST_POSTGRES") else {
        eprintln!("skipped: BACKPLANE_TEST_POSTGRES is not set");
        return;
    };
    let certificates = Certificates::make();
    let mut operator = Operator::of(&url);
    operator.turn_on(&certificates);
    let (roots, strangers) = (certificates.roots.display(), certificates.strangers.display());
    let by_name = url.replace("127.0.0.1", "localhost");

    assert!(!is_encrypted(&url, "sslmode=disable").unwrap());
    assert!(is_encrypted(&url, "").unwrap());
    assert!(is_encrypted(&url, "sslmode=require").unwrap());
    let signed = format!("sslmode=verify-ca&sslrootcert={roots}");
    assert!(is_encrypted(&by_name, &signed).unwrap());
    let named = format!("sslmode=verify-full&sslrootcert={roots}");
    assert!(is_encrypted(&url, &named).unwrap());

    let stranger = |mode: &str| format!("sslmode={mode}&sslrootcert={strangers}");
    for (url, query, why) in [
        (&by_name, &named, "not valid for name"),
        (&url, &stranger("verify-full"), "invalid peer certificate"),
        (&url, &stranger("verify-ca"), "invalid peer certificate"),
        (&url, &stranger("require"), "invalid peer certificate"),
        (&url, &"sslmode=verify-full".to_owned(), "certificate"),
    ] {
        let refusal = is_encrypted(url, query).unwrap_err().to_string();
        assert!(refusal.contains(why), "{query}: {refusal}");
    }

    // The session that listens for rings is one of these too.
    let db = open(&url, &named).unwrap();
    let heard = db.bell().unwrap();
    wait(async {
        heard.rung().await;
        db.read::<_, SqlError>(bell::ring).await.unwrap();
        heard.rung().await;
    });

    operator.turn_off();
    assert!(!is_encrypted(&url, "sslmode=prefer").unwrap());
    let refusal = is_encrypted(&url, "sslmode=require").unwrap_err().to_string();
    assert!(refusal.contains("does not support TLS"), "{refusal}");
}
