//! What names mean: when two are the same, how they sort, and which words find them. Pure.
//!
//! Names come in every script, so nothing here may fold a name to nothing: `Ленинград`, `宇多田ヒカル`, `÷`, `×` and
//! `( )` are five names. Folding follows Unicode: NFKC (UAX #15) and full case folding (CaseFolding.txt).

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Keys stand in B-tree indexes, whose entries may have some 2,700 bytes.
const MAX_KEY_BYTES: usize = 480;
/// A word that is longer tells nothing more.
const MAX_WORD_CHARS: usize = 64;
/// Stands before the sort key of a name that does not begin with A–Z, so that all of them are one range, before `a`.
const OTHER_LETTERS: char = '#';

/// Two names with the same key are one name: NFKC, case folded, punctuation and spacing folded. Accents and symbols
/// (`÷`, `+`, `$`) count. Never empty.
pub fn identity_key(name: &str) -> String {
    let folded = fold(name);
    let words = words_of(&folded);
    bounded(if words.is_empty() { bare(&folded) } else { words.join(" ") })
}

/// How a name sorts: like its identity, with accents dropped and without a leading English article (unless nothing
/// else is left). Names that do not begin with A–Z get a leading `#`. Compare bytewise. Never empty.
pub fn sort_key(name: &str) -> String {
    let folded = without_accents(&fold(name));
    let words = words_of(&folded);
    let key = match words.as_slice() {
        [] => bare(&folded),
        [article, rest @ ..] if !rest.is_empty() && is_separate_article(&folded, article) => rest.join(" "),
        all => all.join(" "),
    };
    let is_a_to_z = key.starts_with(|c: char| c.is_ascii_lowercase());
    bounded(if is_a_to_z { key } else { format!("{OTHER_LETTERS}{key}") })
}

/// The sort keys that begin with a letter: from (inclusive) and to (exclusive). `#` gives all that do not begin with
/// A–Z; a letter of another script, or one with an accent, gives the keys that begin with it. None for a blank.
pub fn letter_range(letter: char) -> Option<(String, String)> {
    if letter == OTHER_LETTERS {
        return Some(prefix_range(OTHER_LETTERS.to_string()));
    }
    (!letter.is_whitespace() && !letter.is_control()).then(|| prefix_range(sort_key(&letter.to_string())))
}

/// The sort keys that begin with a prefix: from (inclusive) and to (exclusive).
pub fn prefix_range(prefix: String) -> (String, String) {
    let end = format!("{prefix}{}", char::MAX);
    (prefix, end)
}

/// The words that find these names, each once, sorted: case and accents folded, apostrophes dropped, both `ac`, `dc`
/// and `acdc` for `AC/DC`; text in scripts without spaces as single characters and pairs; a name of nothing but
/// punctuation as itself.
pub fn search_terms(names: &[&str]) -> Vec<String> {
    let mut terms: Vec<String> = names.iter().flat_map(|name| terms_of(name)).collect();
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// How much a word of a field counts in a ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The name itself.
    Name,
    /// Who made it.
    Maker,
    /// What it belongs to.
    Context,
}

/// The text of a `tsvector` with the words of each field; a word in several fields counts as the weightiest.
pub fn search_vector(fields: &[(Weight, &str)]) -> String {
    let mut weighed: Vec<(String, Weight)> = fields
        .iter()
        .flat_map(|(weight, name)| terms_of(name).into_iter().map(move |term| (term, *weight)))
        .collect();
    weighed.sort_unstable();
    weighed.dedup_by(|later, first| later.0 == first.0);
    let lexemes: Vec<String> = weighed
        .iter()
        .map(|(term, weight)| {
            let letter = match weight {
                Weight::Name => 'A',
                Weight::Maker => 'B',
                Weight::Context => 'C',
            };
            format!("{}:1{letter}", quoted(term))
        })
        .collect();
    lexemes.join(" ")
}

/// What a person has typed so far, as texts of a `tsquery`: all words must be there. Each finds all that the one before it
/// finds, and costs more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    /// As they stand.
    pub exact: String,
    /// The last word may still grow.
    pub growing: String,
    /// Each of three characters or more may grow, too.
    pub loose: String,
}

/// None when nothing was typed but blanks.
pub fn search_query(typed: &str) -> Option<SearchQuery> {
    let folded = without_accents(&fold(typed));
    let words = words_of(&folded);
    if words.is_empty() {
        let bare = bare(&folded);
        return (bare != NAMELESS).then(|| {
            let exact = quoted(&shortened(&bare));
            SearchQuery { growing: exact.clone(), loose: exact.clone(), exact }
        });
    }
    Some(SearchQuery {
        exact: all_of(&words, |_, _| false),
        growing: all_of(&words, |is_last, _| is_last),
        loose: all_of(&words, |is_last, word| is_last || word.chars().nth(2).is_some()),
    })
}

/// `may_grow` is asked of each word, and told whether it is the last.
fn all_of(words: &[String], may_grow: impl Fn(bool, &str) -> bool) -> String {
    let mut asked = Vec::new();
    for (n, word) in words.iter().enumerate() {
        let is_last = n + 1 == words.len();
        for run in runs_of(word) {
            match run {
                Run::Spaced(text) => {
                    let growth = if may_grow(is_last, text) { ":*" } else { "" };
                    asked.push(format!("{}{growth}", quoted(&shortened(text))));
                }
                Run::Unspaced(text) => {
                    let chars: Vec<char> = text.chars().collect();
                    match chars.as_slice() {
                        [single] => asked.push(quoted(&single.to_string())),
                        many => asked.extend(many.windows(2).map(|pair| quoted(&String::from_iter(pair)))),
                    }
                }
            }
        }
    }
    asked.dedup();
    asked.join(" & ")
}

/// `16/44kHz FLAC`, `320kbps MP3`: lossless by depth and rate, lossy by bitrate (256 where it is not known), as clients
/// show it.
pub fn quality_display(
    format: &str,
    is_lossy: bool,
    sample_rate_hz: Option<i32>,
    bit_depth: Option<i32>,
    bitrate_kbps: Option<i32>,
) -> String {
    match (is_lossy, bit_depth, sample_rate_hz) {
        (true, _, _) => format!("{}kbps {format}", bitrate_kbps.unwrap_or(256)),
        (false, Some(bits), Some(hz)) => format!("{bits}/{}kHz {format}", hz / 1000),
        _ => format.to_owned(),
    }
}

// -- folding

/// What a name without any character folds to.
const NAMELESS: &str = "\u{2205}";

/// NFKC and case folding, apostrophes and invisible characters dropped.
fn fold(name: &str) -> String {
    if name.is_ascii() { fold_ascii(name) } else { fold_any(name) }
}

/// Most names, and hundred times as quick: nothing to compose, one case to fold, one apostrophe to straighten.
fn fold_ascii(name: &str) -> String {
    name.chars().map(|c| straight(c.to_ascii_lowercase())).collect()
}

fn fold_any(name: &str) -> String {
    let visible: String = name.nfc().filter(|c| !is_invisible(*c)).map(straight).collect();
    let composed: String = visible.nfkc().collect();
    caseless::default_case_fold_str(&composed).nfkc().collect()
}

/// Apostrophes are written in many ways, some of which NFKC takes apart.
fn straight(c: char) -> char {
    match c {
        '\u{60}' | '\u{b4}' | '\u{2bb}' | '\u{2bc}' | '\u{2018}' | '\u{2019}' | '\u{2032}' => '\'',
        c => c,
    }
}

/// Soft hyphen, zero-width characters, direction marks, variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// Latin, Greek and Cyrillic letters without their marks. Marks of other scripts make other letters and stay.
fn without_accents(folded: &str) -> String {
    if folded.is_ascii() {
        return folded.to_owned();
    }
    let mut plain = String::with_capacity(folded.len());
    for c in folded.nfd().filter(|c| !matches!(c, '\u{300}'..='\u{36f}')) {
        match c {
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            'þ' => plain.push_str("th"),
            'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            'đ' | 'ð' => plain.push('d'),
            'ħ' => plain.push('h'),
            'ı' => plain.push('i'),
            c => plain.push(c),
        }
    }
    plain.nfc().collect()
}

/// The words of a folded name: what punctuation and blanks leave.
fn words_of(folded: &str) -> Vec<String> {
    let without_apostrophes: String = folded.chars().filter(|c| *c != '\'').collect();
    without_apostrophes
        .split(|c: char| !is_part_of_a_word(c))
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A name of nothing but punctuation: all of it but the blanks.
fn bare(folded: &str) -> String {
    let bare: String = folded.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    if bare.is_empty() { NAMELESS.to_owned() } else { bare }
}

fn is_part_of_a_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || is_symbol(c);
    }
    c.is_alphanumeric() || is_combining_mark(c) || is_symbol(c)
}

/// Signs that are names by themselves (`÷`, `×`, `+`, `=`, `$`, `♥`): all that is neither blank nor punctuation.
fn is_symbol(c: char) -> bool {
    match c {
        '+' | '=' | '$' => true,
        c if c.is_ascii() || c.is_whitespace() || c.is_control() => false,
        // Latin-1, general, supplemental and CJK punctuation.
        '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}' => false,
        '\u{2010}'..='\u{205e}' | '\u{2e00}'..='\u{2e7f}' | '\u{3001}'..='\u{3003}' => false,
        '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{3030}' | '\u{30fb}' => false,
        c => !c.is_alphanumeric(),
    }
}

/// `The Wall`, but not `A-ha`: the article is a word of its own, with a blank behind it.
fn is_separate_article(folded: &str, first_word: &str) -> bool {
    matches!(first_word, "the" | "a" | "an") && folded.split_whitespace().next() == Some(first_word)
}

/// A long key keeps its start, for the order, and a hash of the rest, for the identity.
fn bounded(key: String) -> String {
    if key.len() <= MAX_KEY_BYTES {
        return key;
    }
    let hash = blake3::hash(key.as_bytes()).to_hex();
    let start: String = key
        .chars()
        .scan(0, |bytes, c| {
            *bytes += c.len_utf8();
            (*bytes <= MAX_KEY_BYTES - 40).then_some(c)
        })
        .collect();
    format!("{start}~{}", &hash[..32])
}

// -- words to search by

fn terms_of(name: &str) -> Vec<String> {
    let folded = without_accents(&fold(name));
    if !folded.chars().any(is_part_of_a_word) {
        return vec![shortened(&bare(&folded))];
    }
    let mut terms = Vec::new();
    for chunk in folded.split_whitespace() {
        let words = words_of(chunk);
        // `AC/DC` is looked for as `acdc` too.
        if words.len() > 1 {
            terms.push(shortened(&words.concat()));
        }
        for word in &words {
            for run in runs_of(word) {
                match run {
                    Run::Spaced(text) => terms.push(shortened(text)),
                    Run::Unspaced(text) => terms.extend(characters_and_pairs(text)),
                }
            }
        }
    }
    terms
}

/// A part of a word in one manner of writing.
enum Run<'a> {
    /// Blanks stand between words.
    Spaced(&'a str),
    /// Words run together: Chinese, Japanese, Thai, Lao, Khmer, Burmese.
    Unspaced(&'a str),
}

fn runs_of(word: &str) -> Vec<Run<'_>> {
    if word.is_ascii() && !word.is_empty() {
        return vec![Run::Spaced(word)];
    }
    let mut runs = Vec::new();
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let is_unspaced = is_of_unspaced_script(first);
        let end = rest
            .char_indices()
            .find(|(_, c)| is_of_unspaced_script(*c) != is_unspaced && !is_combining_mark(*c))
            .map_or(rest.len(), |(at, _)| at);
        let (run, later) = rest.split_at(end);
        runs.push(if is_unspaced { Run::Unspaced(run) } else { Run::Spaced(run) });
        rest = later;
    }
    runs
}

fn characters_and_pairs(text: &str) -> impl Iterator<Item = String> {
    let chars: Vec<char> = text.chars().collect();
    let pairs: Vec<String> = chars.windows(2).map(String::from_iter).collect();
    chars.into_iter().map(String::from).chain(pairs)
}

fn is_of_unspaced_script(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}')
}

fn shortened(word: &str) -> String {
    word.chars().take(MAX_WORD_CHARS).collect()
}

/// A lexeme as `tsvector` and `tsquery` take it: quotes and backslashes doubled.
fn quoted(lexeme: &str) -> String {
    format!("'{}'", lexeme.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_way_folds_like_the_other() {
        let all: String = (0..=127_u8).map(char::from).collect();
        for name in [all.as_str(), "The Wall", "AC/DC", "Don't `Stop`", "", " ", "A-ha + $ = 3"] {
            assert_eq!(fold_ascii(name), fold_any(name), "{name:?}");
        }
        for c in (0..=127_u8).map(char::from) {
            let is_part = c.is_alphanumeric() || is_combining_mark(c) || is_symbol(c);
            assert_eq!(is_part_of_a_word(c), is_part, "{c:?}");
        }
    }

    #[test]
    fn names_of_every_script_stay_apart() {
        let names = [
            "Ленинград",
            "宇多田ヒカル",
            "÷",
            "×",
            "( )",
            "!!!",
            "+",
            "=",
            "-",
            "",
            "?",
            "...",
            "♥",
            "The The",
        ];
        for (n, one) in names.iter().enumerate() {
            assert!(!identity_key(one).is_empty(), "{one:?} folds to nothing");
            assert!(!sort_key(one).is_empty(), "{one:?} sorts by nothing");
            for other in &names[n + 1..] {
                assert_ne!(identity_key(one), identity_key(other), "{one:?} and {other:?} are two names");
            }
        }
    }

    #[test]
    fn editions_and_namesakes_are_told_apart() {
        for (one, other) in [
            ("Weezer (Blue Album)", "Weezer (Green Album)"),
            ("÷ (Deluxe)", "× (Deluxe)"),
            ("+ (Deluxe)", "= (Deluxe)"),
            ("Björk", "Bjork"),
            ("Discovery", "Discovery (Remastered)"),
        ] {
            assert_ne!(identity_key(one), identity_key(other), "{one} and {other}");
        }
    }

    #[test]
    fn spelling_does_not_make_another_name() {
        for (one, other) in [
            ("Beyonc\u{e9}", "Beyonce\u{301}"),
            ("AC/DC", "ac-dc"),
            ("Don\u{2019}t Stop", "don't  stop"),
            ("Don\u{b4}t Stop", "don't stop"),
            ("Straße", "STRASSE"),
            ("Ｐｅｒｆｕｍｅ", "Perfume"),
            ("ﾋｶﾙ", "ヒカル"),
            ("…And Justice for All", "...and justice for all"),
            ("( )", "()"),
            ("ZERO\u{200b}WIDTH", "zerowidth"),
        ] {
            assert_eq!(identity_key(one), identity_key(other), "{one} and {other}");
        }
    }

    #[test]
    fn a_leading_article_does_not_count_in_the_order_unless_nothing_is_left() {
        for (name, key) in [
            ("The Beatles", "beatles"),
            ("The The", "the"),
            ("The", "the"),
            ("A", "a"),
            ("A-ha", "a ha"),
            ("An Horse", "horse"),
            ("Theatre", "theatre"),
            ("Björk", "bjork"),
            ("Ørsted", "orsted"),
            ("Æther", "aether"),
            ("Straße", "strasse"),
            ("2Pac", "#2pac"),
            ("Ленинград", "#ленинград"),
            ("Ёлка", "#елка"),
            ("ガゼット", "#ガゼット"),
            ("( )", "#()"),
            ("!!!", "#!!!"),
            ("÷", "#÷"),
            ("'Til Tuesday", "til tuesday"),
        ] {
            assert_eq!(sort_key(name), key, "{name}");
        }
    }

    #[test]
    fn a_letter_is_one_range_and_every_key_is_in_exactly_one() {
        let letters: Vec<char> = ('A'..='Z').chain(['#']).collect();
        for name in ["Abba", "zz top", "Žalman", "2Pac", "Ленинград", "( )", "~", "The The"] {
            let key = sort_key(name);
            let found = letters.iter().filter(|letter| {
                let (from, to) = letter_range(**letter).expect("a letter");
                from <= key && key < to
            });
            assert_eq!(found.count(), 1, "{name} ({key})");
        }
        assert_eq!(letter_range(' '), None);
        assert_eq!(letter_range('É').map(|r| r.0).as_deref(), Some("e"));
    }

    #[test]
    fn very_long_names_keep_a_short_key_of_their_own() {
        let (one, other) = ("x".repeat(5000), format!("{}y", "x".repeat(4999)));
        assert!(identity_key(&one).len() <= MAX_KEY_BYTES && sort_key(&one).len() <= MAX_KEY_BYTES);
        assert_ne!(identity_key(&one), identity_key(&other));
        assert!(sort_key(&"é宇".repeat(900)).len() <= MAX_KEY_BYTES);
    }

    #[test]
    fn words_find_names() {
        for (name, terms) in [
            ("Björk", vec!["bjork"]),
            ("AC/DC", vec!["ac", "acdc", "dc"]),
            ("Don't Stop", vec!["dont", "stop"]),
            ("宇多田", vec!["多", "多田", "宇", "宇多", "田"]),
            ("( )", vec!["()"]),
            ("!!!", vec!["!!!"]),
            ("÷ (Deluxe)", vec!["deluxe", "÷"]),
            ("Rock - Roll", vec!["rock", "roll"]),
            ("A A a", vec!["a"]),
        ] {
            assert_eq!(search_terms(&[name]), terms, "{name}");
        }
    }

    #[test]
    fn what_is_typed_becomes_a_safe_query() {
        for (typed, query) in [
            ("Björk", Some("'bjork':*")),
            ("pin flo", Some("'pin':* & 'flo':*")),
            ("ab ro", Some("'ab' & 'ro':*")),
            ("宇多田", Some("'宇多' & '多田'")),
            ("田", Some("'田'")),
            ("utada 光", Some("'utada':* & '光'")),
            ("( )", Some("'()'")),
            ("'", Some("''''")),
            ("\\", Some("'\\\\'")),
            ("& | ! :*", Some("'&|!:*'")),
            ("  ", None),
            ("", None),
        ] {
            assert_eq!(search_query(typed).map(|q| q.loose).as_deref(), query, "{typed}");
        }
    }

    #[test]
    fn a_query_widens_from_the_words_as_they_stand() {
        let query = search_query("of Silver Gho").unwrap();
        assert_eq!(query.exact, "'of' & 'silver' & 'gho'");
        assert_eq!(query.growing, "'of' & 'silver' & 'gho':*");
        assert_eq!(query.loose, "'of' & 'silver':* & 'gho':*");
    }

    #[test]
    fn a_word_in_several_fields_counts_as_the_weightiest() {
        let vector = search_vector(&[(Weight::Maker, "Weezer"), (Weight::Name, "Weezer (Blue Album)")]);
        assert_eq!(vector, "'album':1A 'blue':1A 'weezer':1A");
    }

    #[test]
    fn quality_reads_as_clients_show_it() {
        assert_eq!(quality_display("FLAC", false, Some(44_100), Some(16), None), "16/44kHz FLAC");
        assert_eq!(quality_display("FLAC", false, Some(192_000), Some(24), Some(5000)), "24/192kHz FLAC");
        assert_eq!(quality_display("MP3", true, Some(44_100), None, Some(320)), "320kbps MP3");
        assert_eq!(quality_display("Opus", true, Some(48_000), None, None), "256kbps Opus");
        assert_eq!(quality_display("WAV", false, None, None, None), "WAV");
    }

    proptest::proptest! {
            #[test]
            fn no_name_folds_to_nothing_or_breaks_a_query(name in "\\PC{0,40}") {
                proptest::prop_assert!(!identity_key(&name).is_empty());
                proptest::prop_assert!(!sort_key(&name).is_empty());
    let decomposed: String = name.nfd().collect();
                proptest::prop_assert_eq!(identity_key(&name), identity_key(&decomposed));
                if let Some(query) = search_query(&name) {
                    proptest::prop_assert_eq!(query.loose.matches('\'').count() % 2, 0);
                    proptest::prop_assert_eq!(query.loose.replace(":*", ""), query.exact);
                }
            }
        }
}
