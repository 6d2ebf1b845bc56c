//! What the screens say. Other languages are in `render/language`, each text by its name here.

use crate::render::language::{Lang, plural, screen_text};

/// A text with `{name}` replaced by values.
pub(super) fn fill(text: &str, values: &[(&str, impl AsRef<str>)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value.as_ref()))
}

/// "And so many more pods the same", in the form for the number.
pub(super) const fn same_of_pods(lang: Lang, count: usize) -> Word {
    [Word::SameOfPod, Word::SameOfPods, Word::SameOfManyPods][plural(lang, count as u64)]
}

macro_rules! words {
    ($($name:ident: $en:literal;)+) => {
        /// A text of the screens.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Word { $($name),+ }

        impl Word {
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$name),+];

            pub(super) fn of(self, lang: Lang) -> &'static str {
                match self { $(Self::$name => screen_text(lang, stringify!($name), $en)),+ }
            }
        }
    };
}

words! {
    Cluster: "Cluster";
    Source: "Source";
    Preflight: "Preflight";
    Components: "Components";
    Profile: "Sizes";
    Questions: "Questions";
    Images: "Images";
    Review: "Review";
    Run: "Run";
    Summary: "Summary";

    TooSmall: "terminal is {columns}x{rows}, windlass needs 80x24: enlarge it, or press q to quit";
    Continue: "Continue";
    Target: "cluster";
    Yes: "yes";
    No: "no";
    Empty: "(empty)";
    Nothing: "nothing";
    YesNo: "y yes   n no   Esc back";
    LeaveKeys: "y save and quit   d quit without saving   Esc back";
    TypingKeys: "Enter accept   Esc cancel   Ctrl-U clear";
    Copied: "sent to the terminal's clipboard: {what}";
    Written: "answers written to {file}";
    WrittenAndKept: "answers written to {file}; the old file is now {old}";
    Elapsed: "{what} ({seconds}s)";

    Connecting: "connecting";
    RunningPreflight: "running preflight";
    CheckingRegistry: "checking the registry";
    Planning: "planning";
    PlanningLater: "planning once the running steps have ended";
    Starting: "starting";
    PlanningAgain: "planning again";

    LookingForClusters: "looking for clusters";
    NoTargets: "No cluster found: no kubeconfig, and no sandbox on this machine. Set KUBECONFIG, or create a sandbox with ./install.sh --sandbox, then press r.";
    WhichCluster: "Which cluster should the platform be installed on?";
    TheSandbox: "the sandbox of this machine";
    ConnectingTarget: "connecting";
    TargetVersion: "Kubernetes {version}";
    TargetVersionNodes: "Kubernetes {version}, {nodes} node(s)";

    WhichSource: "Where do nodes get their images from?";
    FromPublished: "from the public registries";
    FromRegistry: "from the site's registry, which already has the images";
    FromBundle: "from an offline bundle, through the site's registry";
    FromPublishedHelp: "Nodes pull from docker.io, quay.io and other registries, and need access to them.";
    FromRegistryHelp: "The site's registry has all images, under their original paths.";
    FromBundleHelp: "For a site without internet: images are pushed to the site's registry as the first step of the install; charts, files and Helm are in the offline bundle, too.";
    OfflineBundle: "Offline bundle";
    SiteRegistry: "Registry of the site";
    BundleFile: "File, or folders with its parts";
    BundleFileHelp: "A file, a part, or folders with parts, separated by colons, such as /mnt/a:/mnt/b. It is opened at once: structure, signature and lock are checked.";
    BundleKey: "Public key to verify its signature with";
    BundleKeyHelp: "A PEM file. With it, an offline bundle that is not signed by this key is rejected. If empty, any offline bundle is accepted.";
    BundleCheck: "Check";
    OpeningBundle: "opening the offline bundle";
    BundleOpened: "{images} images, {bytes}";
    BundleSound: "all bytes verified";
    BundleDamaged: "damaged";
    BytesRead: "{done} of {total}";
    SignedNobody: "not signed";
    SignedUnpinned: "signed by {key}; no public key was given to verify it";
    SignedUnchecked: "signed; give the public key to verify the signature";
    SignedPinned: "signed by the given key, {key}";
    BundleHolds: "for {platforms}; {components}";
    ReadEveryByte: "v reads every byte and verifies it against the lock.";
    EscStops: "Reading every byte; Esc stops it.";
    EveryByte: "Every byte read and verified: {bytes}.";
    ReadStopped: "reading the offline bundle was stopped";
    RegistryCa: "Certificate authorities to trust";
    RegistryCaHelp: "A PEM file with the CA certificate of the registry, for the push from this machine. Nodes are configured separately: the pull test names the file.";
    PushPlan: "Push plan";
    PushPlanHelp: "Enter checks what the registry has, and what prevents images from being pushed. Nothing is changed.";
    PushCounts: "{images} images: {upload} to upload, {mount} to mount, {there} already present";
    PushProblems: "problems: {count}";
    NothingToPush: "nothing to push";
    ToUpload: "{bytes} to upload";
    NameBundle: "specify the offline bundle file";
    NameRegistry: "specify the registry: HOST[:PORT][/PATH]";
    NotInBundle: "not in the offline bundle";
    BundleLacks: "{bundle} does not contain {component}";
    PushedRegistry: "Images are pushed from {bundle} to {registry}. r checks again.";

    NothingFound: "No findings: ready to install.";
    FindingCounts: "errors: {errors}, warnings: {warnings}, hints: {hints}, waived: {waived}";
    FixOrWaive: "{count} error(s): fix them and press r, go back and change answers, or waive them with Space";
    ErrorsLeft: "{count} error(s) left: other answers may fix them; the review checks again before anything is changed";
    PreflightRefused: "preflight found {count} error(s): {title}; Enter shows the fix, Space waives it, r plans again, Esc returns to the answers";
    PreflightFailed: "Preflight failed. r retries; c continues to the answers, and the review checks again.";
    PlanFailed: "Planning failed. r retries; Esc returns to the answers.";
    NotWaivable: "{id} cannot be waived";
    Waived: "waived";
    Adopted: "adopted";
    Error: "error";
    Warning: "warning";
    Hint: "hint";
    Found: "found";
    Fix: "fix";

    WhichComponents: "Which components should be installed? What they require is added.";
    ChooseOne: "choose at least one component";
    StillNeeded: "not removed: needed by {by}";
    NeededBy: "needed by {by}";
    FromFolder: "from {folder}";
    IfChosen: "{title} (optional)";
    Requires: "needs";
    Release: "release";
    InstalledHealthy: "installed, healthy";
    InstalledReady: "installed, ready";
    InstalledNotReady: "installed, not ready or incomplete";
    InstalledMissing: "installed before, now missing";
    NotChosenStays: "(not chosen: left unchanged)";
    AlreadyInstalled: "already installed: {count} component(s), not ready: {bad}; the install continues from there";
    ActionsOnly: "no chart, only actions";

    WhichProfile: "How large? Each of these sizes can be changed on the next screen.";
    NoProfile: "Keep as is";
    KeepsOwnAnswer: "keeps {value} (your answer)";
    AndMore: "and {count} more";
    NoProfileHelp: "Keeps installed values and given answers, otherwise the defaults of each component.";

    AllAnswered: "All questions are answered ({count} questions, rows {from} to {to}). c continues.";
    Unanswered: "missing or invalid: {wrong} of {count} answers, rows {from} to {to}; c goes to the first";
    FirstProblem: "this answer is missing or invalid";
    Needed: "required: there is no default";
    NeededShort: "required";
    NoDefault: "no default";
    OptionsAre: "← → choose: {options}";
    PreviousValue: "was {value}; press u to restore it";
    DefaultIs: "default: {value}";
    AnswerLabel: "answer:";
    FilterLabel: "show only:";
    Filtered: "questions with {text}: {count} (Esc shows all)";
    SourceDefault: "default";
    SourceProfile: "sizes";
    SourceSandbox: "sandbox";
    SourceBundle: "offline bundle";
    SourceInstalled: "installed";
    SourceFile: "file";
    SourceEnvironment: "environment";
    SourceFlag: "--set";
    SourceScreen: "yours";
    SecretGenerate: "generate it and keep it in the cluster only";
    SecretInCluster: "from a Secret in the cluster: name, or namespace/name";
    SecretFile: "from a file on this machine";
    SecretVariable: "from an environment variable of windlass";
    SecretNone: "none";
    SecretGenerated: "generated";
    SecretSet: "set: {where}";
    BecomesSecret: "becomes Secret {name}, key {keys}";
    UsesSecret: "uses Secret {name} as is, key {keys}";
    MadeOfIt: "Secrets created from it: {names}";
    RotateWith: "to rotate it: windlass secrets rotate {id}";
    FilledSecrets: "Secrets that windlass fills; their content is never shown";
    FromVariable: "from environment variable {name}";
    FromFile: "from file {name}";
    CopyOf: "a copy of Secret {name}";
    MadeOf: "created from {name}";
    MadeOfAnswers: "created from answers";
    PublicRegistries: "Images come from public registries. For a site without internet, set its own registry.";
    PrivateRegistry: "Images come from {registry}. r checks again.";

    Create: "create";
    Update: "update";
    Delete: "delete";
    Check: "check";
    Unchanged: "unchanged";
    NothingToDo: "nothing to do: everything is up to date";
    InstallNow: "Install";
    ApplyNow: "Apply";
    PreflightSays: "preflight: {found}";
    SameCommand: "command:";
    AnswersGoTo: "answers go to {file} (w writes them now)";

    Recorded: "RECORDED";
    RunningNow: "running";
    StoppingNow: "stopping: waiting for running steps to finish";
    EndedVerified: "installed and verified";
    EndedPartly: "done, but some steps were skipped";
    EndedUnchecked: "installed; checks skipped";
    EndedChecksFailed: "installed, but checks failed";
    EndedFailed: "failed";
    EndedStopped: "stopped";
    Transfer: "{percent} %, {rate}/s, {left} left";
    TimeLeft: "about {left} left, based on earlier runs";
    OnPath: "{mark} on the critical path: the run takes as long as the marked steps";
    FoldKeys: "Enter shows or hides the steps";
    CountOf: "{word}: {count}";
    StepsDone: "{done} of {total} steps";
    AtMost: "{elapsed}, at most {limit}";
    CountFailed: "{count} failed";
    CountBlocked: "{count} blocked";
    RetryPending: "then retry";
    ContinuesRun: "continues run {run}";
    PaneSteps: "Steps";
    PaneDetail: "Step";
    PaneLog: "Log of the step";
    PanePods: "Pods";
    StateWaiting: "waiting";
    StateRunning: "running";
    StateRetrying: "retrying";
    StateDone: "done";
    StateSkipped: "skipped";
    StateFailed: "failed";
    StateBlocked: "blocked";
    StateStopped: "stopped";
    BlockedBy: "blocked by: {by}";
    Blocks: "steps that need it: {count}";
    WaitsFor: "waits for: {what}";
    StoppedMidway: "stopped midway";
    SameOfPod: "and {count} more pod the same";
    SameOfPods: "and {count} more pods the same";
    SameOfManyPods: "and {count} more pods the same";
    NotStarted: "not started";
    StepsStillRunning: "Other steps are still running. When they have finished, r retries the failed step and s skips it; e changes answers in the meantime.";
    FailedStepKeys: "r plans and retries; s skips it and what needs it; e changes answers first; c shows the summary.";
    NothingFailed: "nothing has failed";
    SelectFailed: "select a failed step; s skips it";
    NoLines: "no log lines yet";
    NoPods: "no pods yet";
    NoPodsRecorded: "pods are not recorded";
    Restarts: "restarts: {count}";
    LinesFound: "lines with {text}: {count}";
    SearchLabel: "search:";
    SkippedSteps: "skipped";
    RetryFromSummary: "Esc, then r retries.";
    Checks: "checks";
    Outside: "addresses";
    Inside: "in the cluster only";
    LoginOnly: "login";
    LoginUser: "user {user}";
    ShowsPassword: "{user}; to show the password:";
    NotOutside: "not reachable from outside: {why}";
    HostsLines: "host names that do not resolve on this machine; add to its /etc/hosts:";
    LeaveWithQ: "Press Enter or q to quit.";

    AskLeave: "Quit? The answers will be written to {file}.";
    AskLeaveOlder: "Quit? The answers will be written to {file}; the older file is kept as {file}.old.";
    AskLeaveLost: "Quit without saving? The answers could not be written to {file} and will be lost.";
    AskLeaveEmpty: "Quit?";
    AskStop: "Stop? No new steps will start and running steps may finish; run the same command again to resume.";
    AskLeaveAtOnce: "Quit immediately? Still running: {what}. Releases may be left pending and uploads under temporary names; the next install cleans them up.";
    AskSkip: "Skip \"{step}\" and {count} step(s) that need it? They will not run.";
    AskInstall: "Install on {target}?";
    RowsOf: "rows {from} to {to} of {count}; ↑ ↓";
    RowsHere: "rows {from} to {to} of {count}";
    HelpTitle: "Keys";
    WatchKeys: "q quits   r refreshes   ↑ ↓ scroll";
    AskTitle: "Question";

    KeyUp: "up";
    KeyDown: "down";
    KeyLeft: "left; previous option";
    KeyRight: "right; next option";
    KeyNext: "next; group or pane";
    KeyPrevious: "previous group or pane";
    KeyPageUp: "a page up";
    KeyPageDown: "a page down";
    KeyFirst: "first row";
    KeyLast: "last row";
    KeyEnter: "choose; or run the action of the row";
    KeyChange: "change; or run the action of the row";
    KeyToggle: "on or off";
    KeyContinue: "continue";
    KeyBack: "back";
    KeyUndo: "undo; restore the previous value";
    KeyFilter: "filter; search in a log";
    KeyNextMatch: "next match";
    KeyPreviousMatch: "previous match";
    KeyRefresh: "again; check once more";
    KeyVerify: "read all; verify every byte, or stop verifying";
    KeyWaive: "waive; or undo the waiver";
    KeyAnother: "another; add an instance with its own name";
    NameLabel: "name of the instance";
    WrongName: "a name consists of a to z, 0 to 9 and dashes, starts with a letter and has at most 20 characters";
    KeyWrite: "write answers; to the file shown";
    KeyRetry: "retry with a new plan";
    KeyEdit: "change answers; then retry";
    KeySkip: "skip; continue without the failed step";
    KeyStop: "stop gracefully";
    KeyFollow: "follow the log's end";
    KeyWrap: "break long lines";
    KeyCopy: "copy; the command that does the same";
    KeyHelp: "help; this list";
    KeyQuit: "quit";
    KeySuspend: "suspend; fg resumes";
    KeyInterrupt: "stop; press again to quit immediately";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in braces.
    fn names(text: &str) -> Vec<&str> {
        let mut found: Vec<&str> =
            text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn every_language_says_the_same() {
        for word in Word::ALL {
            let (en, ru) = (word.of(Lang::En), word.of(Lang::Ru));
            assert!(!en.is_empty() && !ru.is_empty(), "{word:?}");
            assert_eq!(names(en), names(ru), "{word:?}");
            assert!(!en.chars().any(|c| ('а'..='я').contains(&c)), "{word:?}: {en}");
        }
    }

    #[test]
    fn numbers_have_their_forms() {
        let text = |lang, count: usize| same_of_pods(lang, count).of(lang).replace("{count}", &count.to_string());
        for (count, en, ru) in [
            (1, "and 1 more pod the same", "и ещё 1 под так же"),
            (2, "and 2 more pods the same", "и ещё 2 пода так же"),
            (12, "and 12 more pods the same", "и ещё 12 подов так же"),
            (21, "and 21 more pods the same", "и ещё 21 под так же"),
        ] {
            assert_eq!((text(Lang::En, count), text(Lang::Ru, count)), (en.to_owned(), ru.to_owned()));
        }
    }

    #[test]
    fn values_take_their_places() {
        assert_eq!(fill("{a} and {b}", &[("a", "1"), ("b", "{a}")]), "1 and {a}");
    }
}
