#[path = "../../../tests/fakes/english.rs"]
mod english;

pub(in crate::render) use english::english_in;

use super::messages::Messages;
use super::*;
use crate::render::language::matching::Template;

#[test]
fn english_is_recognized() {
    assert_eq!(english_in("шаг: failed to read a.yaml").as_deref(), Some("failed to read"));
    assert_eq!(english_in("сделайте: kubectl delete pod my pod, или"), None);
    assert_eq!(english_in("Secret `a b c d` не найден"), None);
}

/// Texts that were made of several come apart again.
#[test]
fn what_was_put_together_is_translated_piece_by_piece() {
    let po = "msgid \"\"\nmsgstr \"Language: ru\\n\"\n\nmsgctxt \"word\"\nmsgid \"warning\"\nmsgstr \"внимание\"\n\n\
              msgid \"release\"\nmsgid_plural \"releases\"\nmsgstr[0] \"релиз\"\nmsgstr[1] \"релиза\"\nmsgstr[2] \"релизов\"\n\n\
              msgid \"failed to read {path}\"\nmsgstr \"не прочитан {path}\"\n\n\
              msgid \"{} of {} done\"\nmsgstr \"из {1} готово {0}\"\n\n\
              msgid \"not found\"\nmsgstr \"не найден\"\n\n\
              msgid \", {left} left\"\nmsgstr \", осталось: {left}\"\n";
    let messages = Messages::parse(po, Lang::Ru);
    for (english, russian) in [
        ("failed to read a.yaml", "не прочитан a.yaml"),
        ("warning: failed to read a.yaml", "внимание: не прочитан a.yaml"),
        ("failed to read a.yaml: not found", "не прочитан a.yaml: не найден"),
        ("2 releases of 5 releases done", "из 5 релизов готово 2 релиза"),
        ("21 releases", "21 релиз"),
        ("1m 05s, 3 left", "1 мин 05 с, осталось: 3"),
        ("x (not found)", "x (не найден)"),
        ("  not found\n", "  не найден\n"),
        ("something else", "something else"),
    ] {
        assert_eq!(messages.translate(english), russian);
        // What is shown twice on its way is the same.
        assert_eq!(messages.translate(russian), russian);
    }
}

#[test]
fn the_table_can_be_read_and_its_places_are_those_of_the_english() {
    let catalog = polib::po_file::parse_from_reader(include_str!("ru.po").as_bytes()).unwrap();
    let mut problems = Vec::new();
    for message in catalog.messages().filter(|message| message.is_singular()) {
        let (from, to) = (message.msgid(), message.msgstr().unwrap());
        let words = message.msgctxt().is_some();
        if !words && Template::parse(from).places() != Template::parse(to).places() {
            problems.push(format!("other places: {from} -> {to}"));
        }
        if let Some(english) = english_in(&to.replace(['{', '}'], "_")) {
            problems.push(format!("English ({english}): {to}"));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// A text with something filled in is found again, and no text hides another: none comes out half in English.
#[test]
fn every_text_is_translated_whole() {
    let catalog = polib::po_file::parse_from_reader(include_str!("ru.po").as_bytes()).unwrap();
    let mut problems = Vec::new();
    for message in catalog.messages().filter(|message| message.is_singular() && message.msgctxt().is_none()) {
        let template = Template::parse(message.msgid());
        let text =
            template.fill(&template, &(0..template.places().len() + 9).map(|n| format!("x{n}y")).collect::<Vec<_>>());
        let shown = within(Lang::Ru, || say_lines(&text).into_owned());
        if let Some(english) = english_in(&shown) {
            problems.push(format!("{english}: {text} -> {shown}"));
        }
    }
    assert!(problems.is_empty(), "{} {problems:#?}", problems.len());
}

/// Whatever a server says, it is not changed in what it means to anybody, and takes no time to speak of.
#[test]
fn texts_of_others_are_left_alone() {
    let long = "a: b, c (d) and e; f is g in h or ".repeat(3000);
    assert_eq!(within(Lang::Ru, || say(&long).into_owned()).matches("a: b").count(), 3000);
    for text in
        ["500m", "pods is forbidden: User \"a\" cannot list resource \"pods\" in API group \"\"", "{}", "{a: 1}", "("]
    {
        assert_eq!(within(Lang::Ru, || say(text).into_owned()), text);
    }
    proptest::proptest!(proptest::prelude::ProptestConfig::with_cases(32), |(text in "[ -~а-я\n]{0,120}")| {
        within(Lang::Ru, || (say(&text).into_owned(), say_lines(&text).into_owned(), label(&text).into_owned()));
    });
}
