//! All components, checked, and what is asked about them.

use std::collections::BTreeMap;

use super::{Component, Kind, Profile, Question, QuestionId, Rule, Text};
use crate::model::ImageName;

/// Files of a catalog by path below its root, with `/` between folders.
pub type Files = BTreeMap<String, Vec<u8>>;

/// All components, checked.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Questions that every component may read.
    pub platform: Vec<Question>,
    /// What they are called together.
    pub platform_title: Text,
    /// What must hold between their answers.
    pub platform_rules: Vec<Rule>,
    /// Components by id.
    pub components: BTreeMap<String, Component>,
    /// Profiles by id.
    pub profiles: BTreeMap<String, Profile>,
    /// All questions of each component, implicit ones included, and of `platform`.
    pub(super) questions: BTreeMap<String, Vec<Question>>,
}

impl Catalog {
    /// The components that are installed by default.
    pub fn default_components(&self) -> impl Iterator<Item = &str> {
        self.components.values().filter(|component| !component.on_request).map(|component| component.id.as_str())
    }

    /// Every text that becomes part of a plan, and with it of events and of what is recorded.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        fn of(component: &Component) -> Vec<&Text> {
            let actions = component.actions().chain(component.rotate.values().flatten());
            let said = actions.flat_map(|action| [&action.title, &action.fix, &action.agree]).flatten();
            let shown = component.endpoints.iter().map(|endpoint| &endpoint.title);
            let rules = component.rules.iter().map(|rule| &rule.say);
            [&component.title].into_iter().chain(&component.open).chain(said).chain(shown).chain(rules).collect()
        }
        let questions = self.questions.values().flatten();
        let asked = questions.flat_map(|question| std::iter::once(&question.title).chain(&question.help));
        [&self.platform_title].into_iter().chain(self.components.values().flat_map(of)).chain(asked)
    }

    /// What people call a component, or `platform`.
    #[must_use]
    pub fn title(&self, component: &str) -> &Text {
        self.components.get(component).map_or(&self.platform_title, |component| &component.title)
    }

    /// The questions of a component, implicit ones included, or those of `platform`.
    #[must_use]
    pub fn questions(&self, component: &str) -> &[Question] {
        self.questions.get(component).map_or(&[], Vec::as_slice)
    }

    /// A question by its full name.
    #[must_use]
    pub fn question(&self, id: &QuestionId) -> Option<&Question> {
        self.questions(&id.component).iter().find(|question| question.id == id.question)
    }

    /// Whether a question is about where images come from.
    #[must_use]
    pub fn is_about_images(&self, id: &QuestionId) -> bool {
        match self.components.get(&id.component) {
            None => matches!(id.question.as_str(), "registry" | "pull_secret"),
            Some(component) => component.images.iter().any(|image| {
                let names = component.image_names(image);
                [names.repository, names.tag, names.digest].contains(&id.question)
            }),
        }
    }

    /// What must hold between the answers of a component, or of `platform`.
    #[must_use]
    pub fn rules(&self, component: &str) -> &[Rule] {
        match self.components.get(component) {
            Some(component) => &component.rules,
            None if component == "platform" => &self.platform_rules,
            None => &[],
        }
    }
}

pub(super) fn all_questions(component: &Component) -> Vec<Question> {
    let mut questions = component.questions.clone();
    questions.extend(implicit_questions(component));
    questions
}

/// The questions that every component with a chart has without naming them.
#[must_use]
pub fn implicit_questions(component: &Component) -> Vec<Question> {
    let text = |en: String, ru: String| Text::ByLanguage([("en".to_owned(), en), ("ru".to_owned(), ru)].into());
    let question = |id: &str, title: Text, kind, default: Option<&str>, optional| Question {
        format: None,
        bytes: None,
        names: Vec::new(),
        key: None,
        secret_name: None,
        id: id.to_owned(),
        title,
        kind,
        default: default.map(|text| serde_json::Value::String(text.to_owned())),
        optional,
        help: None,
        group: Some(text("Release".to_owned(), "Релиз".to_owned())),
        suggest: None,
        measures: None,
        choices: Vec::new(),
        min: None,
        max: None,
        when: None,
    };
    let mut questions = Vec::new();
    if let Some(release) = &component.release {
        let two = |en: &str, ru: &str| text(en.to_owned(), ru.to_owned());
        let title = two("Release name", "Имя релиза");
        questions.push(question("release", title, Kind::Hostname, Some(&release.name), false));
        let title = two("Namespace", "Пространство имён");
        questions.push(question("namespace", title, Kind::Hostname, Some(&release.namespace), false));
        let title = two("Chart to use instead of the default one", "Чарт вместо чарта по умолчанию");
        let mut chart = question("chart", title, Kind::Chart, None, true);
        chart.help = Some(two(
            "A folder, an archive (chart.tgz), oci://host/path:version or https://repository#name:version; append \
             @sha256:… to pin it.",
            "Папка, архив (chart.tgz), oci://хост/путь:версия или https://репозиторий#имя:версия; @sha256:… в конце \
             закрепляет содержимое.",
        ));
        questions.push(chart);
        let title =
            two("Values file merged over the values of the component", "Файл значений поверх значений компонента");
        questions.push(question("values_file", title, Kind::Path, None, true));
    }
    for image in &component.images {
        let before = questions.len();
        let names = component.image_names(image);
        let published = image.split();
        let repository = published.as_ref().map(ImageName::repository);
        let part = |of: fn(&ImageName) -> Option<&str>| published.as_ref().and_then(of);
        let (tag, pinned) = (part(|name| name.tag.as_deref()), part(|name| name.digest.as_deref()));
        let title = text(format!("Image of {}", image.name), format!("Образ {}", image.name));
        questions.push(question(&names.repository, title, Kind::String, repository.as_deref(), false));
        let title = text(format!("Tag of {}", image.name), format!("Тег образа {}", image.name));
        // A digest alone says what is pulled.
        questions.push(question(&names.tag, title, Kind::String, tag, tag.is_none() && pinned.is_some()));
        if image.takes_digest() {
            let title =
                text(format!("Digest of the image of {}", image.name), format!("Дайджест образа {}", image.name));
            let mut digest = question(&names.digest, title, Kind::Digest, pinned, true);
            digest.help = Some(text(
                "sha256:… of the image under that tag; exactly this image is then pulled, even if the tag is moved later."
                    .to_owned(),
                "sha256:… образа с этим тегом; тогда загружается именно он, что бы ни стало с тегом.".to_owned(),
            ));
            questions.push(digest);
        }
        // Nobody is asked about an image that is not used.
        questions[before..].iter_mut().for_each(|question| question.when.clone_from(&image.when));
    }
    questions
}
