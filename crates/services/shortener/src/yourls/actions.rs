//! What `action` names: shorturl, expand, url-stats, stats, db-stats, version; and delete and
//! update, which plug-ins add.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Parameters;
use super::answer::Answer;
use crate::doors::{address_in, at_second};
use crate::http::wire::short_url;
use crate::http::{Asking, READ, WRITE};
use crate::model::{Link, LinkChange, NewLink, ShortAddress, ShortenError};
use crate::store::{Filter, Listing, Order, Sums};
use crate::target::TargetRefusal;

/// The version whose answers these are.
const VERSION: &str = "1.8.2";
/// Links in one answer of `stats` at most.
const STATS_MAX: usize = 1_000;
const STATS_SIMPLE: &str = "Need either XML or JSON format for stats";

/// Does what the parameters ask for.
pub(super) async fn act(asking: &Asking, parameters: &Parameters) -> Answer {
    let answer = match parameters.get("action") {
        "shorturl" => shorten(asking, parameters).await,
        "expand" => expand(asking, parameters).await,
        "url-stats" => url_stats(asking, parameters).await,
        "stats" => stats(asking, parameters).await,
        "db-stats" => db_stats(asking).await,
        "version" => version(asking),
        "delete" => delete(asking, parameters).await,
        "update" => update(asking, parameters).await,
        _ => {
            let message = "Unknown or missing \"action\" parameter";
            Ok(Answer::new(StatusCode::BAD_REQUEST, message, json!({ "message": message })))
        }
    };
    answer.unwrap_or_else(|refusal| refusal)
}

type Done = Result<Answer, Answer>;

async fn shorten(asking: &Asking, parameters: &Parameters) -> Done {
    asking.require(WRITE)?;
    let keyword = parameters.get("keyword");
    let title = parameters.get("title");
    let new = NewLink {
        long_url: parameters.get("url").to_owned(),
        alias: (!keyword.is_empty()).then(|| keyword.to_owned()),
        title: (!title.is_empty()).then(|| title.to_owned()),
        ..NewLink::default()
    };
    let created = match asking.shortener.create(&asking.author, new).await {
        Ok(created) => created,
        Err(refusal) => return Err(not_shortened(refusal, keyword)),
    };
    let short = short_url(&created.link, &asking.base);
    let mut url = described(&created.link);
    let mut fields = json!({ "shorturl": short, "title": title_of(&created.link) });
    match created.is_new {
        true => {
            fields["status"] = json!("success");
            fields["message"] = json!(format!("{} added to database", created.link.long_url));
        }
        // Not a refusal to YOURLS's clients: the answer has the link that the URL has.
        false => {
            fields["status"] = json!("fail");
            fields["code"] = json!("error:url");
            let message = format!("{} already exists in database", created.link.long_url);
            fields["message"] = json!(message);
            url.insert("clicks".to_owned(), json!(created.link.clicks.to_string()));
        }
    }
    fields["url"] = Value::Object(url);
    Ok(Answer::new(StatusCode::OK, short, fields))
}

fn not_shortened(refusal: ShortenError, keyword: &str) -> Answer {
    let text = refusal.to_string();
    let bad = StatusCode::BAD_REQUEST;
    match refusal {
        ShortenError::Target(TargetRefusal::Empty | TargetRefusal::Malformed(_)) => {
            Answer::failed(bad, "error:nourl", "Missing or malformed URL")
        }
        ShortenError::Target(TargetRefusal::SelfLoop(_)) => {
            Answer::failed(bad, "error:noloop", "URL is a short URL")
        }
        ShortenError::Target(_) => Answer::failed(bad, "error:nourl", &text),
        ShortenError::Taken(_) | ShortenError::Alias(_) => {
            let message = format!("Short URL {keyword} already exists in database or is reserved");
            Answer::failed(StatusCode::OK, "error:keyword", &message)
        }
        other => other.into(),
    }
}

async fn expand(asking: &Asking, parameters: &Parameters) -> Done {
    asking.require(READ)?;
    let link = found(asking, parameters.get("shorturl")).await?;
    let fields = json!({
        "keyword": link.code,
        "shorturl": short_url(&link, &asking.base),
        "longurl": link.long_url,
        "title": title_of(&link),
        "message": "success",
    });
    Ok(Answer::new(StatusCode::OK, link.long_url, fields))
}

async fn url_stats(asking: &Asking, parameters: &Parameters) -> Done {
    asking.require(READ)?;
    let link = found(asking, parameters.get("shorturl")).await?;
    let fields = json!({ "message": "success", "link": counted(&link, asking) });
    Ok(Answer::new(StatusCode::OK, STATS_SIMPLE, fields))
}

async fn stats(asking: &Asking, parameters: &Parameters) -> Done {
    asking.require(READ)?;
    let number = |name: &str| parameters.get(name).parse::<usize>().unwrap_or(0);
    let limit = number("limit").min(STATS_MAX);
    let (order, descending) = match parameters.get("filter") {
        "bottom" => (Order::Clicks, false),
        "last" | "rand" | "random" => (Order::Number, true),
        _ => (Order::Clicks, true),
    };
    let all = own_links(asking);
    let sums = asking.shortener.count(all.clone()).await?;
    let offset = match parameters.get("filter") {
        "rand" | "random" => random_below(asking, sums.links.saturating_sub(limit as u64) + 1),
        _ => number("start") as u64,
    };
    let mut fields = json!({ "stats": totals(sums), "message": "success" });
    if limit > 0 {
        let page = Listing { order, descending, offset, limit, ..all };
        let links = asking.shortener.page(page).await?.links;
        let named = (1..).zip(&links).map(|(n, link)| (format!("link_{n}"), counted(link, asking)));
        fields["links"] = Value::Object(named.collect());
    }
    Ok(Answer::new(StatusCode::OK, STATS_SIMPLE, fields))
}

async fn db_stats(asking: &Asking) -> Done {
    asking.require(READ)?;
    let sums = asking.shortener.count(own_links(asking)).await?;
    let fields = json!({ "db-stats": totals(sums), "message": "success" });
    Ok(Answer::new(StatusCode::OK, STATS_SIMPLE, fields))
}

fn version(asking: &Asking) -> Done {
    asking.require(READ)?;
    Ok(Answer::new(StatusCode::OK, VERSION, json!({ "version": VERSION })))
}

async fn delete(asking: &Asking, parameters: &Parameters) -> Done {
    asking.require(WRITE)?;
    let address = named(asking, either(parameters))?;
    asking.shortener.delete(&asking.author, &address).await?;
    let fields = json!({ "keyword": address.code, "message": "success: deleted" });
    Ok(Answer::new(StatusCode::OK, "deleted", fields))
}

async fn update(asking: &Asking, parameters: &Parameters) -> Done {
    asking.require(WRITE)?;
    let address = named(asking, either(parameters))?;
    let given = |name: &str| Some(parameters.get(name).to_owned()).filter(|text| !text.is_empty());
    let change = LinkChange {
        long_url: given("url"),
        title: given("title").map(Some),
        ..LinkChange::default()
    };
    asking.shortener.change(&asking.author, &address, change).await?;
    let fields = json!({ "keyword": address.code, "message": "success: updated" });
    Ok(Answer::new(StatusCode::OK, "updated", fields))
}

/// Plug-ins call it one or the other.
fn either(parameters: &Parameters) -> &str {
    match parameters.get("shorturl") {
        "" => parameters.get("keyword"),
        short => short,
    }
}

/// A short URL or its keyword alone.
fn named(asking: &Asking, text: &str) -> Result<ShortAddress, Answer> {
    let bare = || ShortAddress { domain: String::new(), code: text.to_owned() };
    match text.contains('/') {
        false if !text.is_empty() => Ok(bare()),
        true => match address_in(asking, text) {
            Some((address, "")) => Ok(address),
            _ => Err(Answer::not_found(text)),
        },
        false => Err(Answer::not_found(text)),
    }
}

async fn found(asking: &Asking, text: &str) -> Result<Link, Answer> {
    let address = named(asking, text)?;
    let link = asking.shortener.look_up(&address).await.map_err(|refusal| match refusal {
        ShortenError::Gone(_) | ShortenError::NotYet(_) => Answer::not_found(&address.code),
        other => other.into(),
    })?;
    // A password guards the target against lookups as well as against visits.
    match link.password_hash.is_some() && !asking.owns(&link.created_by) {
        true => Err(Answer::not_found(&address.code)),
        false => Ok(link),
    }
}

fn own_links(asking: &Asking) -> Listing {
    let owner = (!asking.author.is_admin).then(|| asking.author.id.clone());
    Listing { filter: Filter { owner, ..Filter::default() }, ..Listing::default() }
}

/// YOURLS writes numbers as its database gives them: as texts.
fn totals(sums: Sums) -> Value {
    json!({ "total_links": sums.links.to_string(), "total_clicks": sums.clicks.to_string() })
}

/// The address of the creator is not stored here, so `ip` is empty.
fn described(link: &Link) -> Map<String, Value> {
    Map::from_iter([
        ("keyword".to_owned(), json!(link.code)),
        ("url".to_owned(), json!(link.long_url)),
        ("title".to_owned(), json!(title_of(link))),
        ("date".to_owned(), json!(moment(link))),
        ("ip".to_owned(), json!("")),
    ])
}

fn counted(link: &Link, asking: &Asking) -> Value {
    json!({
        "shorturl": short_url(link, &asking.base),
        "url": link.long_url,
        "title": title_of(link),
        "timestamp": moment(link),
        "ip": "",
        "clicks": link.clicks.to_string(),
    })
}

/// YOURLS shows the URL where it has no title.
fn title_of(link: &Link) -> &str {
    link.title.as_deref().unwrap_or(&link.long_url)
}

fn moment(link: &Link) -> String {
    at_second(link.created_at, "").replace('T', " ")
}

/// Even enough for a sample: the bias is below 2^-64 times `bound`.
fn random_below(asking: &Asking, bound: u64) -> u64 {
    let number = u128::from_le_bytes(asking.shortener.entropy.bytes16());
    u64::try_from(number % u128::from(bound.max(1))).unwrap_or(0)
}
