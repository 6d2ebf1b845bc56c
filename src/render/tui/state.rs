//! What the screens show. It changes in `update` only, and `draw` reads nothing else.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::known::Connected;
use super::look::Look;
use super::parts::{
    AnswersFile, ClusterScreen, ComponentsScreen, PreflightScreen, ProfileScreen, ReviewScreen, RunPhase, RunScreen,
    SummaryScreen,
};
use super::run::RunView;
use super::source::Source;
use super::typing::Typing;
use super::widgets::Cursor;
use super::words::Word;
use crate::answers::{AnswerSources, AnswersError, Draft, Layer, LayerKind, Raw, from_profile};
use crate::catalog::{Catalog, Profile, Question, QuestionId, Widget};
use crate::model::yaml::Pos;

/// The screens, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Screen {
    /// Which cluster.
    Cluster,
    /// Where images come from.
    Source,
    /// What it lacks.
    Preflight,
    /// What is installed.
    Components,
    /// Sizes.
    Profile,
    /// Everything else that can be decided.
    Questions,
    /// Each image.
    Images,
    /// What would be done.
    Review,
    /// What is being done.
    Run,
    /// How it ended.
    Summary,
}

impl Screen {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Cluster,
        Self::Source,
        Self::Preflight,
        Self::Components,
        Self::Profile,
        Self::Questions,
        Self::Images,
        Self::Review,
        Self::Run,
        Self::Summary,
    ];

    /// The one after, or before.
    pub(super) fn beside(self, after: bool) -> Option<Self> {
        let at = Self::ALL.iter().position(|screen| *screen == self)?;
        let at = if after { at.checked_add(1)? } else { at.checked_sub(1)? };
        Self::ALL.get(at).copied()
    }
}

/// How bad a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// A success.
    Good,
    /// A warning.
    Warning,
    /// An error.
    Bad,
}

/// What covers the screen until it is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    /// What keys do; the first row shown.
    Help(Cursor),
    /// A question with yes and no.
    Confirmation(Confirmation),
}

impl Overlay {
    /// Whether it is the help, which asks nothing.
    #[must_use]
    pub const fn is_help(&self) -> bool {
        matches!(self, Self::Help(_))
    }
}

/// What is to be confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// Leave; nothing was changed.
    Leave,
    /// Stop the run; running steps may end.
    Stop,
    /// Leave at once, though steps run.
    LeaveAtOnce,
    /// Install.
    Install,
    /// Skip the selected step and all that needs it.
    Skip,
}

/// Which questions a form shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormKind {
    /// All but those of images.
    Components,
    /// Those of images.
    Images,
}

/// A form.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Form {
    /// The row.
    pub cursor: Cursor,
    /// Only fields that contain this are shown.
    pub filter: String,
    /// What is being typed.
    pub typing: Option<Typing>,
    /// What was typed for that question before, if anything.
    pub kept: Option<String>,
}

/// Everything.
#[derive(Debug, Clone)]
pub struct State {
    /// How it looks.
    pub look: Look,
    /// Columns and rows.
    pub size: (u16, u16),
    /// Milliseconds since 1970.
    pub now: i64,
    /// Which screen is shown.
    pub screen: Screen,
    /// What covers it.
    pub overlay: Option<Overlay>,
    /// A message until the next key, and how bad it is.
    pub notice: Option<(Tone, String)>,
    /// What is being waited for in the background, and since when.
    pub busy: Option<(Word, i64)>,
    /// The definitions.
    pub catalog: Arc<Catalog>,
    /// What was answered before any screen.
    pub given: AnswerSources,
    /// Which cluster.
    pub cluster: ClusterScreen,
    /// Where images come from.
    pub source: Source,
    /// The cluster that was chosen.
    pub connected: Option<Connected>,
    /// What it lacks.
    pub preflight: PreflightScreen,
    /// Whether a finding can be waived, by its id.
    pub waivable: fn(&str) -> bool,
    /// Why the findings or the plan could not be made.
    pub failed: Option<String>,
    /// What is installed.
    pub components: ComponentsScreen,
    /// Sizes.
    pub profile: ProfileScreen,
    /// What was typed or chosen on the screens.
    pub edits: BTreeMap<QuestionId, String>,
    /// The answers as they are with it.
    pub draft: Draft,
    /// The questions.
    pub questions: Form,
    /// The images.
    pub images: Form,
    /// The answer of the registry: whether it is good, and the message.
    pub registry: Option<(bool, String)>,
    /// What would be done.
    pub review: ReviewScreen,
    /// Where the answers go.
    pub file: AnswersFile,
    /// What runs, or ran.
    pub run: Option<RunView>,
    /// What it runs with, and its phase.
    pub running: RunScreen,
    /// How it ended.
    pub summary: SummaryScreen,
}

impl State {
    /// A state before anything is known of a cluster.
    ///
    /// # Errors
    /// The answers name a component or profile that does not exist.
    pub fn new(
        look: Look,
        size: (u16, u16),
        catalog: Arc<Catalog>,
        given: AnswerSources,
        waivable: fn(&str) -> bool,
    ) -> Result<Self, AnswersError> {
        let catalog = match catalog.with_instances(given.components()) {
            Cow::Owned(more) => Arc::new(more),
            Cow::Borrowed(_) => catalog,
        };
        let draft = given.draft(&catalog)?;
        let chosen = match &given.chosen {
            Some(ids) => ids.iter().cloned().collect(),
            None => catalog.default_components().map(str::to_owned).collect(),
        };
        let mut state = Self {
            look,
            size,
            now: 0,
            screen: Screen::Cluster,
            overlay: None,
            notice: None,
            busy: None,
            cluster: ClusterScreen::default(),
            source: Source::default(),
            connected: None,
            preflight: PreflightScreen::default(),
            waivable,
            failed: None,
            components: ComponentsScreen { chosen, ..ComponentsScreen::default() },
            profile: ProfileScreen { chosen: given.profile.clone(), ..ProfileScreen::default() },
            edits: BTreeMap::new(),
            draft,
            questions: Form::default(),
            images: Form::default(),
            registry: None,
            review: ReviewScreen::default(),
            file: AnswersFile { path: PathBuf::from("windlass-answers.yaml"), ..AnswersFile::default() },
            run: None,
            running: RunScreen::default(),
            summary: SummaryScreen::default(),
            catalog,
            given,
        };
        state.mark_saved();
        Ok(state)
    }

    /// The profiles in their order.
    pub(super) fn profiles(&self) -> Vec<&Profile> {
        let mut all: Vec<&Profile> = self.catalog.profiles.values().collect();
        all.sort_by_key(|profile| profile.order);
        all
    }

    /// Marks the answers as saved: later ones are changes.
    pub(super) fn mark_saved(&mut self) {
        let row = self.profile.chosen.as_ref().and_then(|id| self.profiles().iter().position(|known| known.id == *id));
        self.profile.cursor = Cursor(row.map_or(0, |row| row + 1));
        self.file.saved = self.answered();
    }

    /// Whether something was answered that is in no file yet.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.answered() != self.file.saved
    }

    /// Whether answers would be lost by leaving: no file takes them.
    #[must_use]
    pub fn would_lose_answers(&self) -> bool {
        self.file.failed && self.is_changed()
    }

    /// Whether leaving would write answers, as far as a file takes them.
    #[must_use]
    pub fn may_write(&self) -> bool {
        !self.file.failed && self.is_changed()
    }

    /// Whether a run is live, or about to start.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.running.phase == RunPhase::Starting || self.run.as_ref().is_some_and(RunView::is_live)
    }

    /// Whether this is what is being waited for.
    pub(super) fn is_busy(&self, word: Word) -> bool {
        self.busy.is_some_and(|(busy, _)| busy == word)
    }

    /// Clears this wait; something else may be waited for by now.
    pub(super) fn done_waiting(&mut self, word: Word) {
        if self.is_busy(word) {
            self.busy = None;
        }
    }

    /// All answers, those of the screens on top.
    #[must_use]
    pub fn answered(&self) -> AnswerSources {
        let mut given = self.given.clone();
        if let Some(profile) = self
            .profile
            .chosen
            .as_ref()
            .filter(|_| self.profile.chosen_here)
            .and_then(|id| self.catalog.profiles.get(id))
        {
            given.layers.push(Layer { kind: LayerKind::Screen, ..from_profile(profile).known(&self.catalog) });
        }
        let answers = self.edits.iter().map(|(id, text)| (id.clone(), Pos::default(), Raw::Text(text.clone())));
        given.layers.push(Layer { kind: LayerKind::Screen, name: "screen".to_owned(), answers: answers.collect() });
        given.chosen = Some(self.components.chosen.iter().cloned().collect());
        given.profile.clone_from(&self.profile.chosen);
        given
    }

    /// The form of the screen that is shown, if it has one.
    pub(super) fn form(&self) -> Option<(FormKind, &Form)> {
        match self.screen {
            Screen::Questions => Some((FormKind::Components, &self.questions)),
            Screen::Images => Some((FormKind::Images, &self.images)),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn form_mut(&mut self) -> Option<&mut Form> {
        match self.screen {
            Screen::Questions => Some(&mut self.questions),
            Screen::Images => Some(&mut self.images),
            _ => None,
        }
    }

    /// What can be chosen with the arrows: choices, yes and no, names that the cluster has.
    pub(super) fn options(&self, question: &Question) -> Vec<String> {
        let mut options: Vec<String> = match question.kind.rules().widget() {
            Widget::Choices => question.choices.clone(),
            Widget::Switch => vec!["false".to_owned(), "true".to_owned()],
            _ => {
                let site = self.connected.as_ref().map(|connected| &connected.site);
                site.zip(question.suggest).map(|(site, suggest)| site.names(suggest)).unwrap_or_default()
            }
        };
        if question.optional && !options.is_empty() {
            options.insert(0, String::new());
        }
        options
    }
}
