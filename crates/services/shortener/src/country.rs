//! The country of a click, as a proxy in front tells it (F13).
//!
//! No address is looked up here: a content network or reverse proxy that knows the country says so
//! in a header. Such a header is only to be read when the operator says that the proxy sets it,
//! since a visitor can send one as well.

use std::fmt;

/// Headers known to carry an ISO 3166-1 alpha-2 code, in lower case as HTTP/2 has them.
pub const KNOWN_HEADERS: &[&str] = &[
    "cf-ipcountry",
    "cloudfront-viewer-country",
    "fastly-client-country",
    "fly-client-country",
    "x-appengine-country",
    "x-client-geo-location",
    "x-country-code",
    "x-geo-country",
    "x-vercel-ip-country",
];

/// An assigned ISO 3166-1 alpha-2 code, or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country(Option<[u8; 2]>);

impl Country {
    /// The country could not be told.
    pub const UNKNOWN: Self = Self(None);

    /// The country named by a header's value, in either case.
    ///
    /// Unknown for everything that is not assigned: `XX` and `ZZ` (the proxy does not know), `T1`
    /// (Tor), `EU`, free text.
    #[must_use]
    pub fn from_header(value: Option<&str>) -> Self {
        let text = value.unwrap_or_default().trim();
        let Ok(letters) = <[u8; 2]>::try_from(text.as_bytes()) else { return Self::UNKNOWN };
        let code = letters.map(|letter| letter.to_ascii_uppercase());
        match ASSIGNED.binary_search_by(|assigned| assigned.as_bytes().cmp(&code)) {
            Ok(_) => Self(Some(code)),
            Err(_) => Self::UNKNOWN,
        }
    }

    /// The code's two letters in upper case; none: unknown.
    #[must_use]
    pub const fn letters(self) -> Option<[u8; 2]> {
        self.0
    }

    /// The code in upper case, or `unknown`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // Two letters of the table: the fallback is never taken.
            Some(code) => std::str::from_utf8(code).unwrap_or_default(),
            None => "unknown",
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The 249 officially assigned codes of ISO 3166-1, and `XK`, which ISO leaves to users and all
/// large proxies send for Kosovo. Sorted.
#[rustfmt::skip]
const ASSIGNED: &[&str] = &[
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ",
    "BA", "BB", "BD", "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS",
    "BT", "BV", "BW", "BY", "BZ", "CA", "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN",
    "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE",
    "EG", "EH", "ER", "ES", "ET", "FI", "FJ", "FK", "FM", "FO", "FR", "GA", "GB", "GD", "GE", "GF",
    "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK", "HM",
    "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM",
    "JO", "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC",
    "LI", "LK", "LR", "LS", "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK",
    "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS", "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA",
    "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ", "OM", "PA", "PE", "PF", "PG",
    "PH", "PK", "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS", "RU", "RW",
    "SA", "SB", "SC", "SD", "SE", "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS",
    "ST", "SV", "SX", "SY", "SZ", "TC", "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO",
    "TR", "TT", "TV", "TW", "TZ", "UA", "UG", "UM", "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI",
    "VN", "VU", "WF", "WS", "XK", "YE", "YT", "ZA", "ZM", "ZW",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete_and_sorted() {
        assert_eq!(ASSIGNED.len(), 250);
        assert!(ASSIGNED.is_sorted_by(|one, next| one < next));
        assert!(KNOWN_HEADERS.is_sorted());
    }

    #[test]
    fn assigned_codes_pass_and_all_else_is_unknown() {
        assert_eq!(Country::from_header(Some("DE")).as_str(), "DE");
        assert_eq!(Country::from_header(Some(" de ")).to_string(), "DE");
        for value in ["XX", "ZZ", "T1", "EU", "", "DEU", "D", "\u{e4}", "<>"] {
            assert_eq!(Country::from_header(Some(value)), Country::UNKNOWN, "{value}");
        }
        assert_eq!(Country::from_header(None).as_str(), "unknown");
    }
}
