//! What a kind of action says of itself.

/// What a kind of action says of itself.
pub trait Kind {
    /// The default limits.
    fn limits(&self) -> Limits;

    /// The default title.
    fn title(&self) -> String;

    /// What is wrong with its texts, once they are filled in.
    fn problem(&self) -> Option<String> {
        None
    }

    /// Puts what its names mean in their places.
    ///
    /// # Errors
    /// A name that means nothing.
    fn bind(&mut self, _: &dyn Names) -> Result<(), String> {
        Ok(())
    }

    /// Whether it makes something that it takes away again, also when it is stopped in the middle.
    fn cleans_up(&self) -> bool {
        false
    }

    /// The Service that it asks, as `name:port`.
    fn service(&self) -> Option<&str> {
        None
    }

    /// Whether it changes something that cannot be seen beforehand: it is a change of its own in every plan that has it.
    fn changes(&self) -> bool {
        false
    }

    /// Whether it disrupts what others use. Such a check is only in a plan that asks for it.
    fn disrupts(&self) -> bool {
        false
    }
}

/// What the names in a component's actions mean.
pub trait Names {
    /// The name of its release, or else its own.
    fn release(&self) -> &str;

    /// The namespace of its Secrets.
    fn namespace(&self) -> &str;

    /// One of its images, as it is pulled.
    ///
    /// # Errors
    /// It has none of that name.
    fn image(&self, name: &str) -> Result<String, String>;

    /// Name and key of the Secret that answers one of its questions; none where the question has no answer.
    ///
    /// # Errors
    /// It has no such question.
    fn secret(&self, question: &str) -> Result<Option<(String, String)>, String>;

    /// The digest of a file or folder beside its definition.
    ///
    /// # Errors
    /// There is none.
    fn files(&self, path: &str) -> Result<String, String>;
}

/// When to give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take in all.
    pub seconds: u64,
    /// How often it is retried.
    pub retries: u32,
}
