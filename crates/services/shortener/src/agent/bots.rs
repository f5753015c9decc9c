//! Programs that open links without a person: previews, crawlers, monitors, scripts.

/// Part of the header in lower case, and the name shown. The first that fits counts.
///
/// Previews come first: they are what opens a fresh short link, before any person does.
const BOTS: &[(&str, &str)] = &[
    ("slackbot", "Slack"),
    ("slack-imgproxy", "Slack"),
    // Says "like TwitterBot", so it goes before that one.
    ("telegrambot", "Telegram"),
    ("twitterbot", "Twitter"),
    ("facebookexternalhit", "Facebook"),
    ("facebookcatalog", "Facebook"),
    ("facebot", "Facebook"),
    ("meta-external", "Facebook"),
    ("whatsapp/", "WhatsApp"),
    ("discordbot", "Discord"),
    ("linkedinbot", "LinkedIn"),
    ("pinterestbot", "Pinterest"),
    ("redditbot", "Reddit"),
    ("skypeuripreview", "Skype"),
    ("microsoftpreview", "Microsoft Teams"),
    ("mastodon/", "Mastodon"),
    ("bluesky", "Bluesky"),
    ("cardyb", "Bluesky"),
    ("viber/", "Viber"),
    ("vkshare", "VK"),
    ("snap url preview", "Snapchat"),
    ("iframely", "Iframely"),
    ("embedly", "Embedly"),
    ("google-safety", "Google"),
    ("googleimageproxy", "Google"),
    ("google-read-aloud", "Google"),
    ("googlebot", "Google"),
    ("google-inspectiontool", "Google"),
    ("feedfetcher", "Google"),
    ("bingbot", "Bing"),
    ("bingpreview", "Bing"),
    ("applebot", "Apple"),
    ("yandexbot", "Yandex"),
    ("baiduspider", "Baidu"),
    ("duckduckbot", "DuckDuckGo"),
    ("petalbot", "Petal"),
    ("semrushbot", "Semrush"),
    ("ahrefsbot", "Ahrefs"),
    ("gptbot", "OpenAI"),
    ("chatgpt-user", "OpenAI"),
    ("oai-searchbot", "OpenAI"),
    ("claudebot", "Anthropic"),
    ("perplexitybot", "Perplexity"),
    ("ccbot", "Common Crawl"),
    ("bytespider", "ByteDance"),
    ("amazonbot", "Amazon"),
    ("uptimerobot", "UptimeRobot"),
    ("pingdom", "Pingdom"),
    ("statuscake", "StatusCake"),
    ("headlesschrome", "headless browser"),
    ("phantomjs", "headless browser"),
    ("chrome-lighthouse", "headless browser"),
    ("curl/", "curl"),
    ("wget/", "Wget"),
    ("lychee", "lychee"),
    ("python-requests", "Python"),
    ("python-urllib", "Python"),
    ("python-httpx", "Python"),
    ("aiohttp", "Python"),
    ("scrapy", "Python"),
    ("go-http-client", "Go"),
    ("okhttp", "Java"),
    ("apache-httpclient", "Java"),
    ("java/", "Java"),
    ("node-fetch", "Node.js"),
    ("undici", "Node.js"),
    ("axios/", "Node.js"),
    ("got (", "Node.js"),
    ("libwww-perl", "Perl"),
    ("guzzlehttp", "PHP"),
    ("ruby", "Ruby"),
    ("dart/", "Dart"),
    ("reqwest", "Rust"),
    ("postmanruntime", "Postman"),
    ("insomnia", "Insomnia"),
    ("httpie", "HTTPie"),
    ("oha/", "load generator"),
    ("hey/", "load generator"),
    ("apachebench", "load generator"),
];

/// Words that give away a program of any name. A word ends where its letters end, so that
/// telephones of the maker Cubot are left alone.
const BOT_WORDS: &[&str] =
    &["bot", "crawler", "spider", "preview", "monitor", "scraper", "fetcher"];

/// The name of the bot that sends this header; `None` when it may be a person.
pub(crate) fn name(text: &str) -> Option<&'static str> {
    if text.is_empty() || text == "-" {
        return Some("no user agent");
    }
    let lower = text.to_ascii_lowercase();
    if let Some((_, name)) = BOTS.iter().find(|(part, _)| lower.contains(part)) {
        return Some(name);
    }
    let mut words = lower.split(|c: char| !c.is_ascii_alphabetic());
    let is_bot_word =
        |word: &str| word != "cubot" && BOT_WORDS.iter().any(|ending| word.ends_with(ending));
    words.any(is_bot_word).then_some("other bot")
}
