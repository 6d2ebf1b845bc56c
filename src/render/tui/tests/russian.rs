//! Nothing of a screen is in another language than the reader asked for.

use super::*;
use crate::render::language::{self, tests::english_in};

type Make = fn(Lang, (u16, u16)) -> State;

/// Every screen, and what each shows after keys, as wide as it may be: no sentence of it is in English.
#[test]
fn in_russian_no_screen_has_english() {
    let catalog = catalog();
    language::within(Lang::Ru, || language::learn(catalog.texts().filter_map(|text| text.pair("ru"))));
    let makes: [(&str, Make); 9] = [
        ("cluster", state),
        ("source", |lang, _| source::at_source(lang)),
        ("offline bundle", |lang, _| source::with_bundle(lang, &source::HELD)),
        ("components", at_components),
        ("questions", at_questions),
        ("images", at_images),
        ("review", at_review),
        ("run", |lang, size| at_run(lang, size, 14)),
        ("end", at_end),
    ];
    let keys = ["", "?", "c", "c c", "Down Enter", "Enter", "Tab", "Tab Tab", "Tab Tab Tab", "q", "Down Down Enter ?"];
    let mut found = Vec::new();
    for (name, make) in makes {
        for keys in keys {
            let mut state = make(Lang::Ru, (200, 60));
            press(&mut state, keys);
            let screen = shown(&state, (200, 60), false);
            // What a kubelet says is in its own words.
            let screen: String =
                screen.lines().filter(|line| !line.contains("событие: ")).flat_map(|line| [line, "\n"]).collect();
            found.extend(english_in(&screen).map(|english| format!("{name} {keys}: {english}")));
        }
    }
    found.dedup();
    assert!(found.is_empty(), "{found:#?}");
}
