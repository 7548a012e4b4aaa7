//! The section in which a reader looks through the sample of episodes.

use super::{
    cards::{card, class, title},
    episodes::{Episodes, Outcome},
    text::{count, escape, stage_name},
};

/// The section of sample episodes. HTML.
///
/// Outcome and stage are filtered by the style sheet alone, so that they work where scripts don't run; [`SCRIPT`] adds the search.
pub(super) fn section(episodes: &Episodes) -> String {
    let mut out = String::from("<section><h2>Episodes</h2>");
    if episodes.shown.is_empty() {
        let why = if episodes.missing { "has no <code>episodes.jsonl</code>" } else { "has recorded no episode with an attempt" };
        return format!("{out}<p class=\"empty\">This run folder {why}, so there are none to show.</p></section>");
    }
    let stages = episodes.stages();
    let kept = cards(episodes, &stages);
    let shown = kept.len();
    out.push_str(&format!(
        "<p>{shown} of {} recorded episodes: the latest ones of each outcome in each stage, one per problem. They are not in proportion; the \
         table above is. Attempts are sampled in training, so they vary more than the evaluated ones.</p>",
        count(episodes.total as f64)
    ));
    out.push_str("<p class=\"key\">Reading aid: <mark>7</mark> differs from the other attempt (from the one before, where there are more than two); \
         <b class=\"off\">7</b> differs from the reference (marked where the two are of similar length).</p>");
    if episodes.cut {
        out.push_str("<p class=\"key\">The last line of <code>episodes.jsonl</code> is cut short, as a killed run leaves it, and is ignored.</p>");
    }
    out.push_str("<div class=\"browser\"><div class=\"filters\" role=\"search\" aria-label=\"Filter episodes\">");
    out.push_str(&filters(&kept, &stages));
    out.push_str(
        "<p class=\"find\" hidden><label for=\"find\">Text</label><input type=\"search\" id=\"find\" autocomplete=\"off\" \
         spellcheck=\"false\" placeholder=\"in problem, attempts, reference\"></p></div><p class=\"key\" role=\"status\"></p>",
    );
    out.push_str("<div class=\"cards\">");
    kept.iter().for_each(|kept| out.push_str(&kept.html));
    out.push_str("</div><p class=\"more\" hidden><button type=\"button\">Show more</button></p></div></section>");
    out
}

/// A card, and what it is filtered by.
struct Card {
    outcome: Outcome,
    stage: usize,
    html: String,
}

/// The cards that have room: those of each outcome stay within its share of the page.
fn cards(episodes: &Episodes, stages: &[&str]) -> Vec<Card> {
    let (mut kept, mut used) = (Vec::new(), [0; 4]);
    for episode in &episodes.shown {
        let Some(outcome) = episode.outcome() else { continue };
        let stage = stages.iter().position(|stage| *stage == episode.stage).unwrap_or(0);
        let html = card(episode, outcome, &format!("s{stage}"));
        let used = &mut used[outcome as usize];
        if *used + html.len() <= MAX_BYTES {
            *used += html.len();
            kept.push(Card { outcome, stage, html });
        }
    }
    kept
}

fn filters(kept: &[Card], stages: &[&str]) -> String {
    let number = |fits: &dyn Fn(&Card) -> bool| kept.iter().filter(|kept| fits(kept)).count();
    let outcomes =
        Outcome::ALL.map(|kind| (class(kind).to_owned(), title(kind).to_owned(), number(&|kept| kept.outcome == kind)));
    let mut out = choice("Outcome", "outcome", &outcomes);
    if stages.len() > 1 {
        let name = |stage: &str| if stage.is_empty() { "not stated".to_owned() } else { escape(stage_name(stage)) };
        let named = stages.iter().enumerate().map(|(i, stage)| (format!("s{i}"), name(stage), number(&|kept| kept.stage == i)));
        out.push_str(&choice("Stage", "stage", &named.collect::<Vec<_>>()));
    }
    out
}

/// Radio buttons for all and for each option that has cards, as value, name and number.
fn choice(legend: &str, group: &str, options: &[(String, String, usize)]) -> String {
    let mut out = format!("<fieldset><legend>{legend}</legend>");
    let all: usize = options.iter().map(|(.., number)| number).sum();
    let mut button = |value: &str, name: &str, number: usize| {
        let (id, checked) = (format!("{group}-{value}"), if value == "all" { " checked" } else { "" });
        out.push_str(&format!(
            "<input type=\"radio\" name=\"{group}\" id=\"{id}\" value=\"{value}\"{checked}>\
             <label for=\"{id}\">{name} <span>{number}</span></label>"
        ));
    };
    button("all", "All", all);
    options.iter().filter(|(.., number)| *number > 0).for_each(|(value, name, number)| button(value, name, *number));
    out.push_str("</fieldset>");
    out
}

/// The only script that the page's content security policy lets run.
pub(super) fn script() -> String {
    SCRIPT.replace('\r', "")
}

const SCRIPT: &str = include_str!("browser.js");

/// What the policy allows: the script's SHA-256 in Base64, and nothing else.
pub(super) const SCRIPT_HASH: &str = "sha256-lcoF++YTyoPq2IQn36bDAmQVkABtLwq6VMa8a8NxgLA=";

/// Bytes of the cards of one outcome.
const MAX_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn base64(bytes: &[u8]) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let letter = |bits: u32, place: u32| char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize]);
        let mut out = String::new();
        for chunk in bytes.chunks(3) {
            let bits = chunk.iter().chain([&0, &0]).take(3).fold(0, |bits, byte| bits << 8 | u32::from(*byte));
            (0..4).for_each(|place| out.push(if place as usize > chunk.len() { '=' } else { letter(bits, place) }));
        }
        out
    }

    #[test]
    fn the_policy_names_this_very_script() {
        assert_eq!(base64(b"Ma"), "TWE=");
        assert_eq!(format!("sha256-{}", base64(&Sha256::digest(script()))), SCRIPT_HASH, "put this hash into SCRIPT_HASH");
        assert!(!script().contains("</") && !script().contains("innerHTML"));
    }
}
