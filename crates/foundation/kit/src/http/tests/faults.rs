use super::*;
use crate::net::faults::{Action, Rule, When};

fn rule(action: Action) -> Rule {
    Rule { door: Some("http".into()), path_prefix: "/".into(), when: When::EveryNth(1), action }
}

#[tokio::test]
async fn rules_befall_requests_for_as_long_as_they_are_set() {
    let faults = Arc::new(Faults::new(1));
    let server = start(Setup { faults: Some(faults.clone()), ..Setup::default() }).await;
    let fast = || ask(server.address, "GET /fast HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(fast().await.starts_with("http/1.1 302"));
    faults.set(vec![rule(Action::Refuse(429))]).unwrap();
    let refused = fast().await;
    assert!(refused.starts_with("http/1.1 429") && refused.contains("fault rule"), "{refused}");
    faults.set(vec![rule(Action::Cut)]).unwrap();
    assert_eq!(fast().await, "");
    faults.set(vec![rule(Action::LatencyMs(30))]).unwrap();
    let started = std::time::Instant::now();
    assert!(fast().await.starts_with("http/1.1 302"));
    assert!(started.elapsed() >= Duration::from_millis(30));
    faults.set(Vec::new()).unwrap();
    assert!(fast().await.starts_with("http/1.1 302"));
}
