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

/// The tables of all languages, as gettext's editors read them.
fn tables() -> Vec<(Lang, polib::catalog::Catalog)> {
    let tables = Lang::ALL.into_iter().filter_map(|lang| Some((lang, translations(lang)?)));
    tables.map(|(lang, po)| (lang, polib::po_file::parse_from_reader(po.as_bytes()).unwrap())).collect()
}

#[test]
fn the_table_can_be_read_and_its_places_are_those_of_the_english() {
    let mut problems = Vec::new();
    for message in tables().iter().flat_map(|(_, table)| table.messages()).filter(|message| message.is_singular()) {
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
    let mut problems = Vec::new();
    for (lang, message) in tables().iter().flat_map(|(lang, table)| table.messages().map(|message| (*lang, message))) {
        if !message.is_singular() || message.msgctxt().is_some() {
            continue;
        }
        let template = Template::parse(message.msgid());
        let text =
            template.fill(&template, &(0..template.places().len() + 9).map(|n| format!("x{n}y")).collect::<Vec<_>>());
        let shown = within(lang, || say_lines(&text).into_owned());
        if let Some(english) = english_in(&shown) {
            problems.push(format!("{english}: {text} -> {shown}"));
        }
    }
    assert!(problems.is_empty(), "{} {problems:#?}", problems.len());
}

/// By the table of the program itself: what is joined of pieces, and names that look like words of ours.
#[test]
fn sentences_of_pieces_are_russian_and_names_in_them_stay() {
    for (english, russian) in [
        ("exited once, with code 1: no such host", "завершился один раз, код 1: no such host"),
        (
            "running but not ready; exited 3 times, last with code 137 (OOMKilled: it needs more memory than its limit)",
            "работает, но не готов; завершений: 3, последнее с кодом 137 (OOMKilled: нужно больше памяти, чем разрешает лимит)",
        ),
        (
            "Job a/check does not belong to this release, not changed",
            "Job a/check не относится к этому релизу, не изменён",
        ),
        ("failed to read check", "не удалось прочитать check"),
        ("x/spark  tag 3.5  1 KiB  set", "x/spark тег 3.5 1 KiB поставить"),
        (
            "x/spark  manifest sha256:0  1 KiB  mount from x/other",
            "x/spark манифест sha256:0 1 KiB смонтировать из x/other",
        ),
    ] {
        let shown = within(Lang::Ru, || say_lines(english).into_owned());
        assert_eq!(shown.trim_end(), shown);
        assert_eq!(shown.split_whitespace().collect::<Vec<_>>().join(" "), russian);
    }
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
