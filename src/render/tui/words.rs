//! What the screens say, in each language. A word without a translation does not compile.

/// A language of the screens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Russian.
    Ru,
}

impl Lang {
    /// As the catalog's texts name it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ru => "ru",
        }
    }

    /// By that name; English where it is another.
    #[must_use]
    pub fn of(code: &str) -> Self {
        if code == "ru" { Self::Ru } else { Self::En }
    }
}

/// A text with `{name}` replaced by values.
pub(super) fn fill(text: &str, values: &[(&str, impl AsRef<str>)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value.as_ref()))
}

/// "And so many more pods the same", as the number wants it.
pub(super) const fn same_of_pods(lang: Lang, count: usize) -> Word {
    match (lang, count % 10, count % 100) {
        (Lang::En, ..) if count == 1 => Word::SameOfPod,
        (Lang::En, ..) => Word::SameOfPods,
        (Lang::Ru, _, 11..=14) => Word::SameOfManyPods,
        (Lang::Ru, 1, _) => Word::SameOfPod,
        (Lang::Ru, 2..=4, _) => Word::SameOfPods,
        (Lang::Ru, ..) => Word::SameOfManyPods,
    }
}

macro_rules! words {
    ($($name:ident: $en:literal, $ru:literal;)+) => {
        /// A text of the screens.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Word { $($name),+ }

        impl Word {
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$name),+];

            pub(super) const fn of(self, lang: Lang) -> &'static str {
                match (self, lang) { $((Self::$name, Lang::En) => $en, (Self::$name, Lang::Ru) => $ru),+ }
            }
        }
    };
}

words! {
    Cluster: "Cluster", "Кластер";
    Source: "Source", "Источник";
    Preflight: "Preflight", "Проверка";
    Components: "Components", "Компоненты";
    Profile: "Sizes", "Размеры";
    Questions: "Questions", "Вопросы";
    Images: "Images", "Образы";
    Review: "Review", "План";
    Run: "Run", "Установка";
    Summary: "Summary", "Итог";

    TooSmall: "windlass needs 80x24, here are {columns}x{rows}: enlarge it, or q leaves", "windlass нужно 80x24, здесь {columns}x{rows}: увеличьте окно, q — выход";
    GoOn: "Continue", "Дальше";
    Target: "cluster", "кластер";
    Yes: "yes", "да";
    No: "no", "нет";
    Empty: "(empty)", "(пусто)";
    Nothing: "nothing", "ни от чего";
    YesNo: "y yes   n no   Esc back", "д да   н нет   Esc назад";
    LeaveKeys: "y write and leave   d leave without writing   Esc back", "д записать и выйти   в выйти без записи   Esc назад";
    TypingKeys: "Enter accept   Esc cancel   Ctrl-U clear", "Enter принять   Esc отменить   Ctrl-U очистить";
    Copied: "sent to the terminal's clipboard: {what}", "отправлено в буфер обмена терминала: {what}";
    Written: "answers written to {file}", "ответы записаны в {file}";
    WrittenAndKept: "answers written to {file}; what was there is now {old}", "ответы записаны в {file}; прежние — в {old}";
    Elapsed: "{what} ({seconds} s)", "{what} ({seconds} с)";

    Connecting: "connecting", "подключение";
    Looking: "looking at the cluster", "осмотр кластера";
    AskingRegistry: "asking the registry", "запрос к реестру";
    Planning: "making the plan", "составление плана";
    PlanningLater: "the plan follows when the steps that still run have ended", "план будет, когда завершатся начатые шаги";
    Beginning: "beginning", "начало";
    PlanningAgain: "planning again", "новый план";

    LookingForClusters: "looking for clusters", "поиск кластеров";
    NoTargets: "No cluster is known: there is no kubeconfig, and no sandbox on this machine. Set KUBECONFIG, or make a sandbox with ./install.sh --sandbox, then press r.", "Кластеров не видно: нет ни kubeconfig, ни песочницы на этой машине. Задайте KUBECONFIG или создайте песочницу: ./install.sh --sandbox, затем нажмите r.";
    WhichCluster: "Which cluster is the platform to be installed on?", "В какой кластер установить платформу?";
    TheSandbox: "the sandbox of this machine", "песочница на этой машине";
    Asking: "asking", "запрос";
    Here: "Kubernetes {version}", "Kubernetes {version}";
    HereWithNodes: "Kubernetes {version}, {nodes} node(s)", "Kubernetes {version}, узлов: {nodes}";

    WhichSource: "Where do nodes get their images from?", "Откуда узлы берут образы?";
    FromPublished: "from where each is published", "оттуда, где каждый опубликован";
    FromRegistry: "from the site's registry, which has them", "из реестра площадки, где они уже есть";
    FromBundle: "from an offline bundle, by way of the site's registry", "из автономного пакета через реестр площадки";
    FromPublishedHelp: "Each node pulls from docker.io, quay.io and other registries, and needs a way there.", "Каждый узел загружает образы с docker.io, quay.io и других реестров; нужен доступ к ним.";
    FromRegistryHelp: "A registry of the site holds all images by their paths.", "В реестре площадки есть все образы, пути прежние.";
    FromBundleHelp: "For a site without internet: images are pushed to the site's registry as the first step of the install; charts, files and Helm are in the offline bundle, too.", "Для площадки без интернета: первый шаг установки — отправка образов в реестр площадки; чарты, файлы и Helm тоже в автономном пакете.";
    OfflineBundle: "Offline bundle", "Автономный пакет";
    SiteRegistry: "Registry of the site", "Реестр площадки";
    BundleFile: "File, or folders with its parts", "Файл или папки с частями";
    BundleFileHelp: "A file, a part, or folders with parts and colons between them, as /mnt/a:/mnt/b. It is opened at once: structure, signature and lock are checked.", "Файл, часть или папки с частями через двоеточие, например /mnt/a:/mnt/b. Пакет сразу открывается: проверяются структура, подпись и список образов.";
    BundleKey: "Public key that has to have signed it", "Открытый ключ, которым он подписан";
    BundleKeyHelp: "A PEM file. With it, an offline bundle that is not signed by this key is refused. Empty: any is taken.", "Файл PEM. С ним автономный пакет без подписи этого ключа не принимается. Пусто — любой.";
    BundleCheck: "Check", "Проверка";
    OpeningBundle: "opening the offline bundle", "открывается автономный пакет";
    BundleOpened: "{images} images, {bytes}", "образов: {images}, {bytes}";
    BundleSound: "every byte is right", "все байты верны";
    BundleDamaged: "damaged", "повреждён";
    BytesRead: "{done} of {total}", "{done} из {total}";
    SignedNobody: "not signed", "не подписан";
    SignedUnpinned: "signed by {key}; no public key was named to compare it with", "подписан ключом {key}; открытый ключ для сравнения не назван";
    SignedUnchecked: "signed; name the public key to have that checked", "подписан; назовите открытый ключ, чтобы это проверить";
    SignedPinned: "signed by the key that was named, {key}", "подписан названным ключом {key}";
    BundleHolds: "for {platforms}; {components}", "для {platforms}; {components}";
    ReadEveryByte: "v reads every byte and compares it with the lock.", "v — прочитать и сверить каждый байт.";
    EscStops: "Every byte is read; Esc stops that.", "Читается каждый байт; Esc — прервать.";
    EveryByte: "Every byte was read and is right: {bytes}.", "Прочитан каждый байт, всё верно: {bytes}.";
    ReadStopped: "reading the offline bundle was stopped", "чтение автономного пакета прервано";
    RegistryCa: "Certificate authorities to trust", "Доверенные центры сверх системных";
    RegistryCaHelp: "A PEM file with the authority of the registry's certificate, for the push from this machine. Nodes have settings of their own: the pull test names the file.", "Файл PEM с центром сертификата реестра, для отправки с этой машины. У узлов свои настройки: проверка загрузки назовёт файл.";
    PushPlan: "Push plan", "План отправки образов";
    PushPlanHelp: "Enter asks the registry what it has, and what keeps images from being pushed. Nothing is changed.", "Enter — спросить реестр, что в нём есть и что мешает отправке образов. Ничего не меняется.";
    PushCounts: "{images} images: {upload} to upload, {mount} to mount, {there} there already", "образов: {images}; отправить {upload}, смонтировать {mount}, уже есть {there}";
    PushProblems: "problems: {count}", "препятствий: {count}";
    NothingToPush: "nothing to push", "отправлять нечего";
    ToUpload: "{bytes} to upload", "отправить {bytes}";
    NameBundle: "name the file of the offline bundle", "назовите файл автономного пакета";
    NameRegistry: "name the registry: HOST[:PORT][/PATH]", "назовите реестр: УЗЕЛ[:ПОРТ][/ПУТЬ]";
    NotInBundle: "not in the offline bundle", "нет в автономном пакете";
    BundleLacks: "{bundle} does not hold {component}", "{component}: нет в {bundle}";
    PushedRegistry: "Images go from {bundle} to {registry}. r asks it again.", "Образы из {bundle} отправляются в {registry}. r — спросить ещё раз.";

    NothingFound: "Nothing found: an install can go ahead.", "Замечаний нет: можно устанавливать.";
    FindingCounts: "errors: {errors}, warnings: {warnings}, hints: {hints}, waived: {waived}", "ошибок: {errors}, предупреждений: {warnings}, советов: {hints}, принято: {waived}";
    FixOrWaive: "{count} error(s): fix what is named and press r, go back and change answers, or waive it with Space", "ошибок: {count}; исправьте названное и нажмите r, вернитесь и ответьте иначе или примите как есть пробелом";
    LookedAtAgain: "{count} error(s) left: other answers may fix them; nothing is done before the review has checked again", "осталось ошибок: {count}; их могут исправить другие ответы; план проверит снова, до того ничего не делается";
    FoundAgain: "preflight found {count} error(s): {title}; Enter shows what fixes it, Space waives it, r plans again, Esc goes back to the answers", "проверка нашла ошибок: {count}: {title}; Enter — как исправить, пробел — принять как есть, r — новый план, Esc — к ответам";
    NotLooked: "The cluster could not be looked at. r tries again; c goes on to the answers, and the review looks again.", "Осмотреть кластер не удалось. r — ещё раз; c — к ответам, план проверит снова.";
    NotPlanned: "There is no plan. r tries again; Esc goes back to the answers.", "Плана нет. r — ещё раз; Esc — назад к ответам.";
    NotWaivable: "{id} cannot be waived", "{id} нельзя принять как есть";
    Waived: "waived", "принято";
    Adopted: "adopted", "перенимается";
    Error: "error", "ошибка";
    Warning: "warning", "предупреждение";
    Hint: "hint", "совет";
    Found: "found", "найдено";
    Fix: "fix", "исправить";

    WhichComponents: "What is to be installed? What a component needs comes along.", "Что установить? Нужное компонентам добавляется само.";
    ChooseOne: "choose at least one component", "выберите хотя бы один компонент";
    StillNeeded: "stays, because it is needed by {by}", "остаётся, нужен компонентам: {by}";
    NeededBy: "needed by {by}", "нужен компонентам: {by}";
    FromFolder: "from {folder}", "из {folder}";
    IfChosen: "{title} (optional)", "{title} (необязательно)";
    Requires: "needs", "зависит от";
    Release: "release", "релиз";
    InstalledHealthy: "installed, healthy", "установлен, исправен";
    InstalledReady: "installed, ready", "установлен, готов";
    InstalledNotReady: "installed, not ready or not finished", "установлен не полностью или не готов";
    InstalledMissing: "was installed, and is gone", "был установлен, и исчез";
    NotChosenStays: "(not chosen: stays as it is)", "(не выбран: останется как есть)";
    AlreadyThere: "installed here already: {count} component(s), not ready: {bad}; this goes on from there", "здесь уже установлено компонентов: {count}, не готовых: {bad}; установка продолжится с этого места";
    ActionsOnly: "no chart, only actions", "без чарта, только действия";

    WhichProfile: "How large? Each of these sizes can be changed on the next screen.", "Какого размера? Каждое значение можно изменить на следующем экране.";
    NoProfile: "As it is", "Как есть";
    KeepsYours: "stays {value}: your answer", "остаётся {value}: ваш ответ";
    AndMore: "and {count} more", "и ещё {count}";
    NoProfileHelp: "What is installed already, the answers that were given, else the defaults of each component.", "То, что уже установлено, данные ответы, иначе значения компонентов по умолчанию.";

    AllAnswered: "Everything is answered ({count} questions, rows {from} to {to}). c goes on.", "На всё есть ответы (вопросов {count}, строки {from}–{to}). c — дальше.";
    LeftToAnswer: "missing or wrong: {wrong} of {count} answers, rows {from} to {to}; c goes to the first", "нет ответа или ошибка: {wrong} из {count} (строки {from}–{to}); c — к первому";
    FirstProblem: "this answer is missing or wrong", "этого ответа нет, или в нём ошибка";
    Needed: "needed: there is no default", "нужен ответ: значения по умолчанию нет";
    NeededShort: "needed", "нужен ответ";
    NoDefault: "no default", "без значения по умолчанию";
    OptionsAre: "← → choose: {options}", "← → выбор: {options}";
    ItWas: "it was {value}; u takes that back", "было: {value}; u — вернуть";
    DefaultIs: "default: {value}", "по умолчанию: {value}";
    AnswerLabel: "answer:", "ответ:";
    FilterLabel: "show only:", "показать только:";
    Filtered: "questions with {text}: {count} (Esc shows all)", "вопросов с {text}: {count} (Esc — все)";
    SourceDefault: "default", "по умолчанию";
    SourceProfile: "sizes", "размеры";
    SourceSandbox: "sandbox", "песочница";
    SourceBundle: "offline bundle", "автономный пакет";
    SourceInstalled: "installed", "установлено";
    SourceFile: "file", "файл";
    SourceEnvironment: "environment", "окружение";
    SourceFlag: "--set", "--set";
    SourceScreen: "yours", "ваш ответ";
    SecretGenerate: "generate it, and keep it in the cluster only", "создать и хранить только в кластере";
    SecretInCluster: "in a Secret of the cluster: name, or namespace/name", "в Secret кластера: имя или пространство/имя";
    SecretFile: "in a file of this machine", "в файле на этой машине";
    SecretVariable: "in an environment variable of windlass", "в переменной окружения windlass";
    SecretNone: "none", "нет";
    SecretGenerated: "generated", "создаётся";
    SecretSet: "set: {where}", "задан: {where}";
    BecomesSecret: "becomes Secret {name}, key {keys}", "станет Secret {name}, ключ {keys}";
    UsesSecret: "Secret {name} is used as it is, key {keys}", "Secret {name} используется как есть, ключ {keys}";
    MadeOfIt: "Secrets made of it: {names}", "из него составляются: {names}";
    RotateWith: "windlass secrets rotate {id} gives it another content", "windlass secrets rotate {id} даст новое содержимое";
    FilledSecrets: "Secrets that windlass fills; what they hold is shown nowhere", "Секреты, которые заполняет windlass; содержимое нигде не показывается";
    FromVariable: "from environment variable {name}", "из переменной окружения {name}";
    FromFile: "from file {name}", "из файла {name}";
    CopyOf: "a copy of Secret {name}", "копия Secret {name}";
    MadeOf: "made of {name}", "составляется из {name}";
    MadeOfAnswers: "made by windlass of answers", "составляется из ответов";
    PublicRegistries: "Images come from where they are published. A site without internet names its own registry.", "Образы берутся оттуда, где опубликованы. Без интернета назовите реестр площадки.";
    PrivateRegistry: "Images come from {registry}. r asks it again.", "Образы берутся из {registry}. r — спросить ещё раз.";

    Create: "create", "создать";
    Update: "update", "изменить";
    Delete: "delete", "удалить";
    Check: "check", "проверить";
    Unchanged: "unchanged", "без изменений";
    NothingToDo: "nothing to do: everything is as it should be", "делать нечего: всё как надо";
    InstallNow: "Install", "Установить";
    ApplyNow: "Do this", "Выполнить";
    PreflightSays: "preflight: {found}", "проверка: {found}";
    SameCommand: "the same:", "то же самое:";
    AnswersGoTo: "answers go to {file} (w writes them now)", "ответы будут в {file} (w — записать сейчас)";

    Recorded: "RECORDED", "ЗАПИСЬ";
    RunningNow: "running", "выполняется";
    StoppingNow: "stopping: what runs is given time to end", "остановка: начатое завершается";
    EndedWell: "installed and verified", "установлено и проверено";
    EndedPartly: "done, but not all: some steps were skipped", "выполнено не всё: часть шагов пропущена";
    EndedUnasked: "installed; checks skipped", "установлено; проверка не проводилась";
    EndedUnproven: "installed, but checks failed", "установлено, но проверка не прошла";
    EndedFailed: "failed", "не удалось";
    EndedStopped: "stopped", "остановлено";
    Transfer: "{percent} %, {rate}/s, {left} left", "{percent} %, {rate}/с, осталось {left}";
    TimeLeft: "about {left} left, by earlier runs", "осталось около {left}, судя по прошлым запускам";
    OnPath: "{mark} on the critical path: the run takes as long as the marked steps", "{mark} на критическом пути: запуск длится столько, сколько отмеченные шаги";
    FoldKeys: "Enter shows or hides the steps", "Enter показывает или скрывает шаги";
    CountOf: "{word}: {count}", "{word}: {count}";
    StepsDone: "{done} of {total} steps", "шагов: {done} из {total}";
    AtMost: "{elapsed}, at most {limit}", "{elapsed}, не больше {limit}";
    CountFailed: "{count} failed", "с ошибкой: {count}";
    CountBlocked: "{count} blocked", "заблокировано: {count}";
    ThenAgain: "then tries again", "потом повтор";
    GoesOnWith: "continues run {run}", "продолжает запуск {run}";
    PaneSteps: "Steps", "Шаги";
    PaneDetail: "Step", "Шаг";
    PaneLog: "Log of the step", "Журнал шага";
    PanePods: "Pods", "Поды";
    StateWaiting: "waiting", "ждёт";
    StateRunning: "running", "идёт";
    StateRetrying: "retrying", "повтор";
    StateDone: "done", "готово";
    StateSkipped: "skipped", "пропущен";
    StateFailed: "failed", "ошибка";
    StateBlocked: "blocked", "заблокир.";
    StateStopped: "stopped", "прерван";
    BlockedBy: "blocked by: {by}", "заблокирован шагом: {by}";
    Blocks: "steps that need it: {count}", "от него зависят шагов: {count}";
    WaitsFor: "waits for: {what}", "ждёт: {what}";
    StoppedMidway: "it was stopped midway", "прерван на середине";
    SameOfPod: "and {count} more pod the same", "и ещё {count} под так же";
    SameOfPods: "and {count} more pods the same", "и ещё {count} пода так же";
    SameOfManyPods: "and {count} more pods the same", "и ещё {count} подов так же";
    NotBegun: "it was not begun", "не начат";
    OthersGoOn: "What does not need it goes on. r tries again when that has ended, s goes on without it then; e changes answers meanwhile.", "Остальное продолжается. r — повторить, когда оно закончится, s — тогда же продолжить без него; e — пока изменить ответы.";
    TryNext: "r plans and tries again; s goes on without it and what needs it; e changes answers first; c shows the summary.", "r — спланировать и повторить; s — продолжить без него и зависимых; e — сначала изменить ответы; c — итог.";
    NothingFailed: "nothing has failed", "ошибок нет";
    SkipWhatFailed: "select a step that has failed; s goes on without it", "выберите шаг с ошибкой; s продолжит без него";
    SkipsToo: "skipped, with {count} step(s) that need it", "пропущен вместе с зависимыми шагами: {count}";
    NoLines: "nothing was said yet", "пока ничего";
    NoPods: "no pods yet", "подов пока нет";
    NoPodsRecorded: "pods are not recorded", "поды не записываются";
    Restarts: "restarts: {count}", "перезапусков: {count}";
    LinesFound: "lines with {text}: {count}", "строк с {text}: {count}";
    SearchLabel: "search:", "поиск:";
    LeftOut: "skipped", "пропущено";
    ThenRetry: "Esc, then r tries again.", "Esc, затем r — повторить.";
    Proofs: "checks", "проверки";
    Outside: "addresses", "адреса";
    Inside: "in the cluster only", "только в кластере";
    LoginOnly: "login", "вход";
    LoginUser: "user {user}", "пользователь {user}";
    ShowsPassword: "{user}; this shows the password:", "{user}; пароль покажет команда:";
    NoWayIn: "not from outside: {why}", "снаружи недоступно: {why}";
    HostsLines: "names that lead nowhere from this machine; for its hosts file (/etc/hosts):", "имена, которые отсюда никуда не ведут; для файла hosts этой машины (/etc/hosts):";
    LeaveWithQ: "Enter or q leaves.", "Enter или q — выход.";

    AskLeave: "Leave? The answers would be written to {file}.", "Выйти? Ответы будут записаны в {file}.";
    AskLeaveOlder: "Leave? The answers would be written to {file}; the older file is kept as {file}.old.", "Выйти? Ответы будут записаны в {file}; прежний файл останется как {file}.old.";
    AskLeaveLost: "Leave without the answers? They could not be written to {file}, and would be lost.", "Выйти без ответов? Их не удалось записать в {file}, они пропадут.";
    AskLeaveEmpty: "Leave?", "Выйти?";
    AskStop: "Stop? No new step begins, what runs is given time to end; the same command goes on later.", "Остановить? Новые шаги не начнутся, начатые завершатся; та же команда потом продолжит.";
    AskLeaveAtOnce: "Leave at once? Still running: {what}. Releases may be left pending and uploads with temporary names; the next install fixes that.", "Выйти сразу? Ещё выполняется: {what}. Могут остаться незавершённые релизы и временные файлы; следующая установка это исправит.";
    AskSkip: "Go on without \u{ab}{step}\u{bb} and {count} step(s) that need it? They stay undone.", "Продолжить без \u{ab}{step}\u{bb} и зависимых шагов ({count})? Они останутся невыполненными.";
    AskInstall: "Install on {target}?", "Установить в {target}?";
    RowsOf: "rows {from} to {to} of {count}; ↑ ↓", "строки {from}–{to} из {count}; ↑ ↓";
    RowsHere: "rows {from} to {to} of {count}", "строки {from}–{to} из {count}";
    HelpTitle: "Keys", "Клавиши";
    WatchKeys: "q leaves   r looks again   ↑ ↓ scroll", "q — выход   r — посмотреть ещё раз   ↑ ↓ — прокрутка";
    AskTitle: "Question", "Вопрос";

    KeyUp: "up", "вверх";
    KeyDown: "down", "вниз";
    KeyLeft: "left; the option before", "влево; предыдущий вариант";
    KeyRight: "right; the option after", "вправо; следующий вариант";
    KeyNext: "next; group or pane", "дальше; следующая группа или панель";
    KeyPrevious: "group or pane before", "предыдущая группа или панель";
    KeyPageUp: "a page up", "страница вверх";
    KeyPageDown: "a page down", "страница вниз";
    KeyFirst: "first row", "в начало";
    KeyLast: "last row", "в конец";
    KeyEnter: "choose; do what the row is for", "выбрать; выполнить строку";
    KeyChange: "change; or do what the row is for", "изменить; или выполнить строку";
    KeyToggle: "on or off", "вкл/выкл; включить или выключить";
    KeyContinue: "continue", "дальше";
    KeyBack: "back", "назад";
    KeyUndo: "undo; back to what it was", "вернуть; прежний ответ";
    KeyFilter: "filter; search in a log", "фильтр; поиск в журнале";
    KeyNextMatch: "next match", "следующее совпадение";
    KeyPreviousMatch: "match before", "предыдущее совпадение";
    KeyAgain: "again; look once more", "ещё раз; посмотреть снова";
    KeyVerify: "read all; compare every byte, or stop that", "прочитать всё; сверить каждый байт или прервать";
    KeyWaive: "waive; or take that back", "принять; или отменить это";
    KeyAnother: "another; one more of it, with a name of its own", "ещё один; под своим именем";
    NameLabel: "name of the new one", "имя нового";
    WrongName: "a name is of a to z, 0 to 9 and dashes, begins with a letter and has at most 20 of them", "имя: буквы a–z, цифры и дефисы, начинается с буквы, не больше 20 знаков";
    KeyWrite: "write answers; to the file that is named", "записать ответы; в названный файл";
    KeyRetry: "retry with a new plan", "повторить; с новым планом";
    KeyEdit: "change answers; then retry", "изменить ответы; потом повторить";
    KeySkip: "skip; continue without what failed", "пропустить; продолжить без шага с ошибкой";
    KeyStop: "stop in order", "прервать; остановить по порядку";
    KeyFollow: "keep to the log's end", "следить за концом журнала";
    KeyWrap: "break long lines", "переносить строки";
    KeyCopy: "copy; the command that does the same", "скопировать; ту же команду";
    KeyHelp: "help; this list", "помощь; этот список";
    KeyQuit: "leave", "выход";
    KeySuspend: "to the shell; fg comes back", "в оболочку; fg возвращает";
    KeyInterrupt: "stop; again: leave at once", "остановить; ещё раз: выйти сразу";
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
        let told = |lang, count: usize| same_of_pods(lang, count).of(lang).replace("{count}", &count.to_string());
        for (count, en, ru) in [
            (1, "and 1 more pod the same", "и ещё 1 под так же"),
            (2, "and 2 more pods the same", "и ещё 2 пода так же"),
            (12, "and 12 more pods the same", "и ещё 12 подов так же"),
            (21, "and 21 more pods the same", "и ещё 21 под так же"),
        ] {
            assert_eq!((told(Lang::En, count), told(Lang::Ru, count)), (en.to_owned(), ru.to_owned()));
        }
    }

    #[test]
    fn values_take_their_places() {
        assert_eq!(fill("{a} and {b}", &[("a", "1"), ("b", "{a}")]), "1 and {a}");
    }
}
