//! What the screens show. It changes in `update` only, and `draw` reads nothing else.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::look::Look;
use super::run::RunView;
use super::screens::source::{self, Source};
use super::widgets::{Cursor, LineEdit};
use super::words::Word;
use crate::answers::{AnswersError, Draft, Given, Layer, LayerKind, Raw, from_profile};
use crate::catalog::{Catalog, Profile, Question, QuestionId, Suggest, Widget};
use crate::model::cluster::ClusterInfo;
use crate::model::preflight::{Report, leave_flag};
use crate::model::site::Node;
use crate::model::yaml::Pos;
use crate::plan::{Plan, ReleaseDiff};
use crate::render::{ComponentStatus, SummaryExtras};

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

    pub(super) const fn title(self) -> Word {
        match self {
            Self::Cluster => Word::Cluster,
            Self::Source => Word::Source,
            Self::Preflight => Word::Preflight,
            Self::Components => Word::Components,
            Self::Profile => Word::Profile,
            Self::Questions => Word::Questions,
            Self::Images => Word::Images,
            Self::Review => Word::Review,
            Self::Run => Word::Run,
            Self::Summary => Word::Summary,
        }
    }

    /// The one after, or before.
    pub(super) fn beside(self, after: bool) -> Option<Self> {
        let at = Self::ALL.iter().position(|screen| *screen == self)?;
        let at = if after { at.checked_add(1)? } else { at.checked_sub(1)? };
        Self::ALL.get(at).copied()
    }
}

/// A cluster that could be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The context's name; for the sandbox too.
    pub context: String,
    /// The API's address.
    pub server: String,
    /// Whether it is the sandbox.
    pub sandbox: bool,
    /// Whether it is the one that is used if nobody says anything.
    pub current: bool,
    /// What it answered.
    pub answer: Answer,
}

/// What a cluster answered when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet.
    Asked,
    /// Its version, and how many nodes it has where that may be known.
    Here(String, Option<usize>),
    /// Why it cannot be used.
    Not(String),
}

/// What is known of the cluster that was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Site {
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Names of its StorageClasses, the default one first.
    pub storage_classes: Vec<String>,
    /// Names of its IngressClasses, the default one first.
    pub ingress_classes: Vec<String>,
}

impl Site {
    /// Names that could be the answer to a question.
    #[must_use]
    pub fn names(&self, suggest: Suggest) -> Vec<String> {
        match suggest {
            Suggest::StorageClasses => self.storage_classes.clone(),
            Suggest::IngressClasses => self.ingress_classes.clone(),
            Suggest::NodeLabels => {
                let labels =
                    self.nodes.iter().flat_map(|node| &node.labels).map(|(key, value)| format!("{key}={value}"));
                labels.collect::<BTreeSet<_>>().into_iter().collect()
            }
        }
    }
}

/// The cluster that was chosen.
#[derive(Debug, Clone)]
pub struct Connected {
    /// Who it is.
    pub info: ClusterInfo,
    /// What it has.
    pub site: Site,
    /// What was answered before any screen, what belongs to this cluster and what is installed included.
    pub given: Given,
    /// How each component is that is installed, or was begun to be.
    pub installed: BTreeMap<String, ComponentStatus>,
    /// The flags that name it, each with a space behind: `--sandbox `, `--context NAME `.
    pub flags: String,
}

/// What would be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What updates would change.
    pub diffs: Vec<ReleaseDiff>,
    /// Why it may not be done: what would go back to an older version.
    pub refused: Option<String>,
}

/// How bad it is what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It went well.
    Good,
    /// Somebody should know.
    Warning,
    /// It went wrong.
    Bad,
}

/// What covers the screen until it is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    /// What keys do; the first row shown.
    Help(Cursor),
    /// A question with yes and no.
    Ask(Ask),
}

impl Overlay {
    /// Whether it is the help, which asks nothing.
    #[must_use]
    pub const fn is_help(&self) -> bool {
        matches!(self, Self::Help(_))
    }
}

/// What a yes is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Leave; nothing was changed.
    Leave,
    /// Stop the run in order.
    Stop,
    /// Leave at once, though steps run.
    LeaveAtOnce,
    /// Install.
    Install,
    /// Go on without the selected step and all that needs it.
    Skip,
}

/// Which questions a form shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
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

/// What is being typed into a form.
#[derive(Debug, Clone, PartialEq)]
pub enum Typing {
    /// The filter.
    Filter(LineEdit),
    /// An answer.
    Answer(LineEdit),
    /// Which kind of reference names a secret.
    SecretKind(Cursor),
    /// The name behind `env:`, `file:` or `secret:`.
    SecretName(&'static str, LineEdit),
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
    /// Something to say until the next key, and how bad it is.
    pub notice: Option<(Tone, String)>,
    /// What is being waited for in the background, and since when.
    pub busy: Option<(Word, i64)>,
    /// The definitions.
    pub catalog: Arc<Catalog>,
    /// What was answered before any screen.
    pub given: Given,
    /// The clusters that could be meant.
    pub targets: Vec<Target>,
    /// Whether they have been looked for.
    pub targets_known: bool,
    /// The row among them.
    pub target: Cursor,
    /// Where images come from.
    pub source: Source,
    /// The one that was chosen.
    pub connected: Option<Connected>,
    /// What preflight found, with the answers as they were when it was asked last.
    pub report: Option<Report>,
    /// Why what was to be shown here could not be had: the findings, or the plan.
    pub failed: Option<String>,
    /// The row among its findings.
    pub finding: Cursor,
    /// The findings that were waived, and leave to adopt releases: [`Finding::leave`](crate::model::preflight::Finding::leave).
    pub waived: BTreeSet<String>,
    /// Whether a finding can be waived, by its id.
    pub waivable: fn(&str) -> bool,
    /// The components that were chosen, without what they require.
    pub chosen: BTreeSet<String>,
    /// The row among the components.
    pub component: Cursor,
    /// The name of one more of the component at that row, while it is typed.
    pub naming: Option<LineEdit>,
    /// The profile.
    pub profile: Option<String>,
    /// Whether it was chosen here: then its sizes count more than what was there before.
    pub resized: bool,
    /// The row among the profiles.
    pub profile_row: Cursor,
    /// What was typed or chosen on the screens.
    pub edits: BTreeMap<QuestionId, String>,
    /// The answers as they are with it.
    pub draft: Draft,
    /// The questions.
    pub questions: Form,
    /// The images.
    pub images: Form,
    /// What the registry answered: good or bad, and in words.
    pub registry: Option<(bool, String)>,
    /// What would be done.
    pub planned: Option<Planned>,
    /// The row of the review.
    pub review: Cursor,
    /// The findings on the review whose details are shown.
    pub unfolded: BTreeSet<usize>,
    /// Whether a run was refused for what preflight found, so that the review says it.
    pub refused: bool,
    /// The components of the plan whose steps are shown.
    pub open: BTreeSet<String>,
    /// Whether the proof at the end is left out.
    pub no_verify: bool,
    /// Where the answers file goes.
    pub file: PathBuf,
    /// Whether a file of somebody else's is there, which is kept when the answers are written.
    pub older: bool,
    /// Whether the answers could not be written when that was tried last.
    pub unwritten: bool,
    /// The answers that are in a file already, or were there before anybody answered here.
    pub saved: Given,
    /// What runs, or ran.
    pub run: Option<RunView>,
    /// The answers that it began with.
    pub ran: Option<Given>,
    /// The plan that was agreed to last.
    pub agreed: Option<Box<Plan>>,
    /// Whether a run is about to begin.
    pub beginning: bool,
    /// Whether it was asked to stop.
    pub stopping: bool,
    /// What the summary says besides.
    pub summary: Option<SummaryExtras>,
    /// The first row of the summary.
    pub summary_row: Cursor,
}

impl State {
    /// Before anything is known of a cluster.
    ///
    /// # Errors
    /// The answers name a component or profile that does not exist.
    pub fn new(
        look: Look,
        size: (u16, u16),
        catalog: Arc<Catalog>,
        given: Given,
        waivable: fn(&str) -> bool,
    ) -> Result<Self, AnswersError> {
        let catalog = match catalog.with_instances(given.components()) {
            Cow::Owned(more) => Arc::new(more),
            Cow::Borrowed(_) => catalog,
        };
        let draft = given.draft(&catalog)?;
        let chosen = match &given.chosen {
            Some(ids) => ids.iter().cloned().collect(),
            None => catalog.usual().map(str::to_owned).collect(),
        };
        let mut state = Self {
            look,
            size,
            now: 0,
            screen: Screen::Cluster,
            overlay: None,
            notice: None,
            busy: None,
            targets: Vec::new(),
            targets_known: false,
            target: Cursor::default(),
            source: Source::default(),
            connected: None,
            report: None,
            failed: None,
            finding: Cursor::default(),
            waived: BTreeSet::new(),
            waivable,
            chosen,
            component: Cursor::default(),
            naming: None,
            profile: given.profile.clone(),
            resized: false,
            profile_row: Cursor::default(),
            edits: BTreeMap::new(),
            draft,
            questions: Form::default(),
            images: Form::default(),
            registry: None,
            planned: None,
            review: Cursor::default(),
            unfolded: BTreeSet::new(),
            refused: false,
            open: BTreeSet::new(),
            no_verify: false,
            file: PathBuf::from("windlass-answers.yaml"),
            older: false,
            unwritten: false,
            saved: Given::default(),
            run: None,
            ran: None,
            agreed: None,
            beginning: false,
            stopping: false,
            summary: None,
            summary_row: Cursor::default(),
            catalog,
            given,
        };
        state.settle();
        Ok(state)
    }

    /// The profiles in their order.
    pub(super) fn profiles(&self) -> Vec<&Profile> {
        let mut all: Vec<&Profile> = self.catalog.profiles.values().collect();
        all.sort_by_key(|profile| profile.order);
        all
    }

    /// From here on, what is answered is new.
    pub(super) fn settle(&mut self) {
        let row = self.profile.as_ref().and_then(|id| self.profiles().iter().position(|known| known.id == *id));
        self.profile_row = Cursor(row.map_or(0, |row| row + 1));
        self.saved = self.answered();
    }

    /// Whether something was answered that is in no file yet.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.answered() != self.saved
    }

    /// Whether answers would be lost by leaving: no file takes them.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.unwritten && self.is_changed()
    }

    /// Whether leaving would write answers, as far as a file takes them.
    #[must_use]
    pub fn may_write(&self) -> bool {
        !self.unwritten && self.is_changed()
    }

    /// Whether a run goes on, or is about to.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.beginning || self.run.as_ref().is_some_and(RunView::is_live)
    }

    /// Whether this is what is being waited for.
    pub(super) fn is_busy(&self, word: Word) -> bool {
        self.busy.is_some_and(|(busy, _)| busy == word)
    }

    /// What was waited for is there; something else may be waited for by now.
    pub(super) fn is_there(&mut self, word: Word) {
        if self.is_busy(word) {
            self.busy = None;
        }
    }

    /// All answers, those of the screens on top.
    #[must_use]
    pub fn answered(&self) -> Given {
        let mut given = self.given.clone();
        if let Some(profile) =
            self.profile.as_ref().filter(|_| self.resized).and_then(|id| self.catalog.profiles.get(id))
        {
            given.layers.push(Layer { kind: LayerKind::Screen, ..from_profile(profile).known(&self.catalog) });
        }
        let answers = self.edits.iter().map(|(id, text)| (id.clone(), Pos::default(), Raw::Text(text.clone())));
        given.layers.push(Layer { kind: LayerKind::Screen, name: "screen".to_owned(), answers: answers.collect() });
        given.chosen = Some(self.chosen.iter().cloned().collect());
        given.profile.clone_from(&self.profile);
        given
    }

    /// Makes the draft anew; what was planned with other answers is no longer true.
    pub(super) fn again(&mut self) {
        self.draft_again();
        self.planned = None;
        self.refused = false;
    }

    /// Makes only the draft anew.
    pub(super) fn draft_again(&mut self) {
        let answered = self.answered();
        let installed = self.connected.iter().flat_map(|connected| connected.installed.keys().map(String::as_str));
        if let Cow::Owned(more) = self.catalog.with_instances(answered.components().chain(installed)) {
            self.catalog = Arc::new(more);
        }
        match answered.draft(&self.catalog) {
            Ok(draft) => self.draft = draft,
            Err(error) => self.notice = Some((Tone::Bad, error.to_string())),
        }
        source::pin(self);
    }

    /// The form of the screen that is shown, if it has one.
    pub(super) fn form(&self) -> Option<(About, &Form)> {
        match self.screen {
            Screen::Questions => Some((About::Components, &self.questions)),
            Screen::Images => Some((About::Images, &self.images)),
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

    /// The options that name the offline bundle, each with a space before; nothing where the install is from none.
    #[must_use]
    pub fn offline_flags(&self) -> String {
        source::flags(self)
    }

    /// The command that does the same.
    #[must_use]
    pub fn command(&self) -> String {
        let flags = self.connected.as_ref().map(|connected| connected.flags.as_str()).unwrap_or_default();
        let waived: String = self.waived.iter().map(|leave| format!(" {}", leave_flag(leave))).collect();
        let proof = if self.no_verify { " --no-verify" } else { "" };
        let offline = self.offline_flags();
        format!("windlass {flags}install --answers {}{offline}{waived}{proof} --yes", self.file.display())
    }
}
