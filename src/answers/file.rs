//! Answers as a commented file: one to fill in, and one that replays a run. Both come from one template.

use serde::Serialize;

use super::resolve::Draft;
use super::template::{TemplateError, Templates, value};
use super::{Answers, AnswersError, LayerKind};
use crate::catalog::{Answer, Catalog, Question, QuestionId};
use crate::model::yaml;

#[derive(Serialize)]
struct File {
    head: Vec<String>,
    profile: String,
    profile_help: Option<String>,
    components: String,
    sections: Vec<Section>,
}

#[derive(Serialize)]
struct Section {
    id: String,
    title: String,
    questions: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    comments: Vec<String>,
    line: String,
}

/// Why no answers file could be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A component or profile does not exist, or a default is wrong.
    #[error(transparent)]
    Answers(#[from] AnswersError),
    /// The template failed.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// The text of an answers file that replays these answers: every one of them, secrets as references. Equal answers give
/// equal bytes.
///
/// # Errors
/// The template cannot be rendered.
pub fn recorded(catalog: &Catalog, answers: &Answers) -> Result<String, TemplateError> {
    let catalog = &*answers.catalog(catalog);
    let head = [
        "Answers of one run; `windlass install --answers FILE --yes` gives the same plan again.",
        "Secrets are given as references, never as content.",
    ];
    let sections = sections(catalog, &answers.components, |id, question| {
        let (comments, answer) = (lines(question.title.en()), answers.get(&id.component, &id.question));
        let line = match answer {
            // What was emptied stays empty: nothing that weighs less fills it again.
            Answer::Empty if answers.is_emptied(id) => format!("{}:", question.id),
            Answer::Empty => format!("# {}:", question.id),
            // The next offline bundle brings its own.
            answer if answers.is_bundled(id) => format!("# {}: {}", question.id, scalar(answer)),
            answer => format!("{}: {}", question.id, scalar(answer)),
        };
        Line { comments, line }
    });
    render(File {
        head: head.map(str::to_owned).to_vec(),
        profile: profile_line(answers.profile.as_deref()),
        profile_help: None,
        components: components(&answers.components),
        sections,
    })
}

/// The text of an answers file to fill in: every question with its help, type and default, as a comment where there is a
/// default.
///
/// # Errors
/// A component or profile that does not exist, or a default that is wrong.
pub fn example(
    catalog: &Catalog,
    chosen: Option<&[String]>,
    profile: Option<&str>,
    language: &str,
) -> Result<String, FileError> {
    let catalog = &*catalog.with_instances(chosen.into_iter().flatten().map(String::as_str));
    let draft = Draft::new(catalog, &[], chosen, profile)?;
    let sections = sections(catalog, &draft.answers.components, |id, question| {
        let mut comments = lines(question.title.of(language));
        comments.extend(question.help.iter().flat_map(|help| lines(help.of(language))));
        comments.extend(lines(&format!("({})", kind(question))));
        let line = match draft.answers.values.get(id) {
            None => {
                comments.push("required: no default".to_owned());
                format!("# {}:", question.id)
            }
            Some((Answer::Empty, _)) => format!("# {}:", question.id),
            // What a profile says is repeated, so that whoever reads the file sees it.
            Some((answer, LayerKind::Profile)) => format!("{}: {}", question.id, scalar(answer)),
            Some((answer, _)) => format!("# {}: {}", question.id, scalar(answer)),
        };
        Line { comments, line }
    });
    let names: Vec<&str> = catalog.profiles.keys().map(String::as_str).collect();
    Ok(render(File {
        head: [
            "Answers for windlass. Commented lines show the defaults: remove the `#` to give another answer.",
            "`windlass answers check FILE` validates it, `windlass plan --answers FILE` shows what it would do.",
        ]
        .map(str::to_owned)
        .to_vec(),
        profile: profile_line(profile),
        profile_help: Some(format!("named sets of answers: {}", names.join(", "))),
        components: components(&draft.answers.components),
        sections,
    })?)
}

/// A comment stays one, and a name on its line: what YAML takes for the end of a line, or a terminal for an order, goes.
fn one_line(text: &mut String) {
    let ends = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    if text.contains(ends) {
        *text = text.replace(ends, " ");
    }
}

fn render(mut file: File) -> Result<String, TemplateError> {
    file.head.iter_mut().chain(&mut file.profile_help).for_each(one_line);
    for section in &mut file.sections {
        one_line(&mut section.title);
        section.questions.iter_mut().flat_map(|question| &mut question.comments).for_each(one_line);
    }
    let text = Templates::new().render("answers file", include_str!("answers.yaml.j2"), &value(&file))?;
    Ok(format!("{}\n", text.trim_end()))
}

fn profile_line(name: Option<&str>) -> String {
    name.map_or_else(|| "# profile:".to_owned(), |name| format!("profile: {name}"))
}

fn components(ids: &[String]) -> String {
    format!("components: [{}]", ids.join(", "))
}

fn sections(catalog: &Catalog, chosen: &[String], line: impl Fn(&QuestionId, &Question) -> Line) -> Vec<Section> {
    let ids = std::iter::once("platform").chain(chosen.iter().map(String::as_str));
    let sections = ids.map(|id| Section {
        id: id.to_owned(),
        title: lines(catalog.title(id).en()).join(" "),
        questions: catalog
            .questions(id)
            .iter()
            .map(|question| line(&QuestionId::new(id, &question.id), question))
            .collect(),
    });
    // A key without anything below it would be a mistake.
    sections.filter(|section| !section.questions.is_empty()).collect()
}

/// The lines of a text that somebody else wrote, each to be a comment: no line break in it, of whatever alphabet, makes
/// YAML of what follows, and no control character reaches a terminal.
fn lines(text: &str) -> Vec<String> {
    let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
    let clean = lines.map(|line| line.chars().filter(|c| !c.is_control() && !is_odd(*c)).collect::<String>());
    clean.filter(|line| !line.trim().is_empty()).collect()
}

/// An answer as YAML on one line.
fn scalar(answer: &Answer) -> String {
    let json = answer.json();
    match (&json, yaml::to_string(&json)) {
        (serde_json::Value::Bool(_) | serde_json::Value::Number(_), Ok(plain)) => plain.trim_end().to_owned(),
        (serde_json::Value::String(text), Ok(plain)) if !text.chars().any(|c| c.is_control() || is_odd(c)) => {
            plain.trim_end().to_owned()
        }
        _ => quoted(&json),
    }
}

/// A value as JSON, which is YAML anywhere on a line, but for the breaks and marks that it leaves as they are.
fn quoted(json: &serde_json::Value) -> String {
    json.to_string().chars().fold(String::new(), |mut line, c| {
        if is_odd(c) {
            line.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            line.push(c);
        }
        line
    })
}

/// What YAML may take for a line break or refuse, and JSON leaves as it is.
fn is_odd(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// The type of answer that a question takes, in words.
pub(super) fn kind(question: &Question) -> String {
    let optional = if question.optional { ", optional" } else { "" };
    format!("{}{optional}", question.kind.rules().words(question))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::{from_flags, parse_file};
    use crate::catalog::load;

    fn catalog() -> Catalog {
        load(&[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/components").into()]).unwrap()
    }

    const FLAGS: [&str; 5] = [
        "livy.image=r.site/livy",
        "livy.image_tag=007",
        "platform.pull_secret=file:/tmp/a b#c.json",
        "sample.greeting=yes: \"no\" # 'maybe'",
        "sample.token=secret:vault/token",
    ];

    fn answers(profile: Option<&str>) -> Answers {
        let layer = from_flags(&FLAGS.map(str::to_owned)).unwrap();
        Draft::new(&catalog(), &[layer], None, profile).unwrap().finish().unwrap()
    }

    fn again(text: &str) -> Answers {
        let file = parse_file("answers.yaml", text, LayerKind::File).unwrap();
        let draft = Draft::new(&catalog(), &[file.layer], file.components.as_deref(), file.profile.as_deref());
        draft.unwrap().finish().unwrap()
    }

    #[test]
    fn a_recorded_file_gives_the_same_answers_and_the_same_file_again() {
        for profile in [None, Some("small"), Some("standard")] {
            let first = answers(profile);
            let text = recorded(&catalog(), &first).unwrap();
            let second = again(&text);
            assert_eq!(first.json(), second.json());
            assert_eq!((&first.components, &first.profile), (&second.components, &second.profile));
            assert_eq!(recorded(&catalog(), &second).unwrap(), text);
        }
    }

    #[test]
    fn an_example_says_everything_and_changes_nothing() {
        let catalog = catalog();
        let ids = std::iter::once("platform").chain(catalog.components.keys().map(String::as_str));
        let ids: Vec<String> = ids.flat_map(|id| catalog.questions(id)).map(|question| question.id.clone()).collect();
        for language in crate::model::Lang::CODES {
            let text = example(&catalog, None, None, language).unwrap();
            let file = parse_file("answers.yaml", &text, LayerKind::File).unwrap();
            assert_eq!(file.layer.answers, [], "all is commented out");
            // Without the marks it is as good as the defaults, needed answers apart.
            let bare: String = text.lines().map(|line| uncommented(line, &ids) + "\n").collect();
            let text = bare.replace("  image:\n  ", "  image: r\n  ").replace("  image_tag:\n", "  image_tag: t\n");
            let second = again(&text);
            let flags = from_flags(&["livy.image=r".to_owned(), "livy.image_tag=t".to_owned()]).unwrap();
            let first = Draft::new(&catalog, &[flags], None, None).unwrap().finish().unwrap();
            assert_eq!(first.json(), second.json(), "{text}");
        }
    }

    /// A line whose answer is commented out, without the mark.
    fn uncommented(line: &str, ids: &[String]) -> String {
        let is_answer = |rest: &&str| rest.split_once(':').is_some_and(|(key, _)| ids.iter().any(|id| id == key));
        let answer = line.strip_prefix("  # ").filter(is_answer);
        answer.map_or_else(|| line.to_owned(), |answer| format!("  {answer}"))
    }

    /// A catalog of one component whose texts are of no good will.
    fn hostile(text: &str) -> Catalog {
        let text = quoted(&text.into());
        let component = format!(
            "id: odd\ntitle: {{en: {text}}}\nversion: '1'\nquestions:\n  - {{id: word, title: {{en: {text}}}, help: {{en: {text}}}, \
             type: choice, choices: [{text}], default: {text}}}\n  - {{id: needed, title: {{en: {text}}}, type: string}}\n"
        );
        let platform = format!(
            "title: {{en: {text}}}\nquestions: [{{id: x, title: {{en: {text}}}, type: string, optional: true}}]\n"
        );
        let files = [("odd/component.yaml", component), ("platform.yaml", platform)];
        let files = files.map(|(name, text)| (name.to_owned(), text.into_bytes())).into();
        Catalog::from_files(&files, &Default::default()).unwrap()
    }

    proptest::proptest! {
        #[test]
        fn texts_of_a_catalog_are_never_more_than_comments(
            text in "([a-z:# {}\\[\\]'\"\\\\-]|\n|\r|\u{85}|\u{2028}|\u{2029}|\u{1b}|\u{9d}|\t|\u{feff}){1,20}"
        ) {
            if text.trim().is_empty() || text.contains("{{") || text.contains("{#") { return Ok(()); }
            let catalog = hostile(&text);
            let init = example(&catalog, None, None, "en").unwrap();
            let file = parse_file("answers.yaml", &init, LayerKind::File).unwrap();
            proptest::prop_assert_eq!(file.layer.answers.len(), 0, "{}", init);
            proptest::prop_assert!(!init.chars().any(|c| c.is_control() && c != '\n'), "{:?}", init);
            let given = from_flags(&["odd.needed=x".to_owned()]).unwrap();
            if let Ok(answers) = Draft::new(&catalog, &[given], None, None).unwrap().finish() {
                let text = recorded(&catalog, &answers).unwrap();
                let file = parse_file("answers.yaml", &text, LayerKind::File).unwrap();
                let again = Draft::new(&catalog, &[file.layer], file.components.as_deref(), None).unwrap().finish().unwrap();
                proptest::prop_assert_eq!(answers.json(), again.json(), "{}", text);
            }
        }
    }

    #[test]
    fn an_answer_is_read_again_as_it_was_written() {
        for text in [
            ":\"", ": ", "- a", "?", "#", "&a", "*a", "!a", "%a", "@a", "`a", "~", "null", "", " a ", "a: b", "a #b",
            "0x1", "1_0", "on", "---", "...",
        ] {
            let catalog = hostile(text);
            let given = from_flags(&[format!("odd.needed={text}")]).unwrap();
            let Ok(answers) = Draft::new(&catalog, &[given], None, None).unwrap().finish() else {
                assert!(text.trim().is_empty(), "{text}");
                continue;
            };
            let file = recorded(&catalog, &answers).unwrap();
            let file = parse_file("answers.yaml", &file, LayerKind::File).unwrap();
            let again =
                Draft::new(&catalog, &[file.layer], file.components.as_deref(), None).unwrap().finish().unwrap();
            assert_eq!(answers.json(), again.json(), "{text}");
        }
    }

    #[test]
    fn a_title_with_a_line_break_stays_a_comment() {
        let catalog = hostile("Title\nplatform:\n  x: evil\ncomponents: []");
        let init = example(&catalog, None, None, "en").unwrap();
        let file = parse_file("answers.yaml", &init, LayerKind::File).unwrap();
        assert_eq!((file.layer.answers.len(), file.components), (0, Some(vec!["odd".to_owned()])), "{init}");
    }

    #[test]
    fn what_a_profile_says_stands_in_the_example() {
        let text = example(&catalog(), Some(&["hdfs".to_owned()]), Some("standard"), "en").unwrap();
        assert!(text.contains("\nprofile: standard\n") && text.contains("\n  replication: 3\n"), "{text}");
        assert!(text.contains("\ncomponents: [hdfs]\n") && !text.contains("livy:"), "{text}");
        let error = example(&catalog(), None, Some("smal"), "en").unwrap_err().to_string();
        assert!(error.ends_with("did you mean `small`?"), "{error}");
    }
}
