//! The author's side: the trait that a module implements, and what it works with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::abi::{Callbacks, EmitCode};
use crate::encode::{json_length, json_of, keep, no_json};
use crate::item::PIECE_BYTES;
use crate::model::{Guest, Host};
use crate::record::{Counts, Options, RECORD_MAX_BYTES, Record, Summary};
use crate::{ErrorKind, GatherError, Item};

/// One module: it asks one endpoint which hosts it has and which guests run on them.
///
/// ```no_run
/// use gatherer_plugin_api::{Context, GatherError, Gatherer, model::Host};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Parameters {
///     hostname: String,
/// }
///
/// struct Fixed;
///
/// impl Gatherer for Fixed {
///     type Parameters = Parameters;
///
///     fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
///         context.host(Host::new("4c4c4544", parameters.hostname))?;
///         Ok(())
///     }
/// }
/// ```
pub trait Gatherer {
    /// The module's parameters. The runner has turned each value into the type that the
    /// manifest asks for, filled in defaults and left unset ones out.
    type Parameters: DeserializeOwned;

    /// Asks the endpoint and hands over everything that it has. Return `Ok` only if that is
    /// the whole truth: a Manager deletes what is missing from it.
    fn gather(parameters: Self::Parameters, context: &Context) -> Result<(), GatherError>;
}

/// A host that was handed over, to attach guests to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRef(String);

/// What a module hands its findings to. Cheap to clone; may be used from several threads.
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

struct Inner {
    callbacks: Callbacks,
    endpoint: String,
    module: String,
    options: Options,
    deadline: Option<Instant>,
    /// The number of the next `hostRef`.
    next_ref: AtomicU64,
    hosts: AtomicU64,
    guests: AtomicU64,
    items: Mutex<BTreeMap<String, u64>>,
    retries: AtomicU32,
}

impl Context {
    /// Made by `export_gatherer!`.
    #[doc(hidden)]
    pub fn new(callbacks: Callbacks, endpoint: String, module: String, options: Options) -> Self {
        let deadline = options.timeout_ms.and_then(|milliseconds| {
            Instant::now().checked_add(Duration::from_millis(milliseconds))
        });
        Self {
            inner: Arc::new(Inner {
                callbacks,
                endpoint,
                module,
                options,
                deadline,
                next_ref: AtomicU64::new(0),
                hosts: AtomicU64::new(0),
                guests: AtomicU64::new(0),
                items: Mutex::default(),
                retries: AtomicU32::new(0),
            }),
        }
    }

    /// The endpoint's id.
    pub fn endpoint(&self) -> &str {
        &self.inner.endpoint
    }

    /// The module's name.
    pub fn module(&self) -> &str {
        &self.inner.module
    }

    /// What means the same on every endpoint: proxy, certificates, retries.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// When the endpoint is given up.
    pub fn deadline(&self) -> Option<Instant> {
        self.inner.deadline
    }

    /// How much time is left; zero if none.
    pub fn remaining(&self) -> Option<Duration> {
        self.inner.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether the module should stop. Poll it in long loops.
    pub fn cancelled(&self) -> bool {
        (self.inner.callbacks.cancelled)(self.inner.callbacks.context) != 0
    }

    /// An error if the module should stop: `context.check_cancelled()?`.
    pub fn check_cancelled(&self) -> Result<(), GatherError> {
        if self.cancelled() { Err(cancelled()) } else { Ok(()) }
    }

    /// Hands over a host; guests that it holds already are handed over with it.
    pub fn host(&self, mut host: Host) -> Result<HostRef, GatherError> {
        let guests = std::mem::take(&mut host.guests);
        self.inner.hosts.fetch_add(1, Ordering::Relaxed);
        let host_ref = HostRef(self.inner.next_ref.fetch_add(1, Ordering::Relaxed).to_string());
        let name = host.name.clone();
        self.emit(&Record::Host { host_ref: host_ref.0.clone(), host: Box::new(host) }, &name)?;
        for guest in guests {
            self.guest(&host_ref, guest)?;
        }
        Ok(host_ref)
    }

    /// Hands over a guest of a host.
    pub fn guest(&self, host: &HostRef, guest: Guest) -> Result<(), GatherError> {
        self.inner.guests.fetch_add(1, Ordering::Relaxed);
        let name = guest.name.clone();
        self.emit(&Record::Guest { host_ref: host.0.clone(), guest: Box::new(guest) }, &name)
    }

    /// Says that something about an object is odd, without making the answer untrue.
    pub fn warning(
        &self,
        object: impl Into<String>,
        message: impl Into<String>,
    ) -> Result<(), GatherError> {
        let object = object.into();
        let name = object.clone();
        self.emit(&Record::Warning { object, message: message.into() }, &name)
    }

    /// Says that an optional collection came to its end, whole or not.
    pub fn collection_end(
        &self,
        name: impl Into<String>,
        result: Result<(), GatherError>,
    ) -> Result<(), GatherError> {
        let name = name.into();
        let object = name.clone();
        let mut counts = self.items();
        let items = counts.remove(&name).unwrap_or(0);
        self.emit(&Record::CollectionEnd { name, items, error: result.err() }, &object)
    }

    /// Hands over an item of an optional collection, which [`collection_end`](Self::collection_end)
    /// ends. Where a collection does not come to a good end, its items are dropped, and nothing else.
    ///
    /// An item that is too long is not handed over. That is a `protocol` error whose
    /// [`item_too_long`](GatherError::item_too_long) is set: without the item the collection is not
    /// whole, so end it with this error, and go on with the next one.
    ///
    /// ```no_run
    /// # use gatherer_plugin_api::{Context, GatherError, model::Pod};
    /// # fn gather(context: &Context, pods: Vec<Pod>) -> Result<(), GatherError> {
    /// let handed_over = pods.into_iter().try_for_each(|pod| context.item(pod));
    /// match handed_over {
    ///     Err(error) if !error.item_too_long => return Err(error),
    ///     whole_or_not => context.collection_end("pods", whole_or_not)?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn item(&self, item: impl Into<Item>) -> Result<(), GatherError> {
        let item = item.into();
        let (name, collection) = (item.name().to_owned(), item.collection());
        let mut record = Record::Item { item, more: false };
        let mut more = Vec::new();
        // Nearly all are short.
        let json = json_of(&record, &name, PIECE_BYTES)?;
        if json.is_none()
            && let Record::Item { item, .. } = &mut record
        {
            more.extend(item.split_off().into_iter().map(|item| Record::Item { item, more: true }));
            // Before the first of them is handed over: an item comes whole or not at all.
            for record in &more {
                item_fits(json_length(record), &name)?;
            }
        }
        // Held until the last piece is handed over, or those of two items could mix.
        let mut counts = self.items();
        match json {
            Some(json) => self.hand_over(json, &name)?,
            None => self.emit(&record, &name)?,
        }
        match counts.get_mut(collection) {
            Some(count) => *count += 1,
            None => drop(counts.insert(collection.to_owned(), 1)),
        }
        more.iter().try_for_each(|record| self.emit(record, &name))
    }

    /// Takes back every item of a collection, which is read again from its beginning.
    pub fn start_collection_over(&self, name: &str) -> Result<(), GatherError> {
        let mut counts = self.items();
        counts.remove(name);
        self.emit(&Record::StartOver { collection: Some(name.to_owned()) }, name)
    }

    /// How many items of each open collection were handed over. What changes that hands over its
    /// record before it lets go.
    fn items(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.inner.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back every host, guest and collection that was handed over: what they come from has
    /// changed while it was read, and is read again from its beginning. So a module may hand over a
    /// long list piece by piece. Warnings stay. No other thread may hand over anything meanwhile.
    pub fn start_over(&self) -> Result<(), GatherError> {
        self.inner.hosts.store(0, Ordering::Relaxed);
        self.inner.guests.store(0, Ordering::Relaxed);
        let mut counts = self.items();
        counts.clear();
        self.emit(&Record::StartOver { collection: None }, "start over")
    }

    /// Says what the module is doing, for a person who waits.
    pub fn progress(&self, message: &str) {
        let request = serde_json::json!({ "message": message }).to_string();
        // A runner that does not know the method loses nothing.
        let _ = (self.inner.callbacks.call)(
            self.inner.callbacks.context,
            "progress".into(),
            request.as_str().into(),
        );
    }

    /// Says that this text is secret: one that the module learned while it gathers, from a file
    /// that it read or from a log-in. What the request holds is known already.
    ///
    /// Tell it before you use it: from then on it is taken out of log lines, of what lands on
    /// stdout and stderr, of warnings and errors. Hosts and guests stay as they are. The runner
    /// takes 256 such texts of at most 128 KiB each and 1 MiB together; more ends the
    /// gathering, which fails. Telling one twice costs nothing; one of less than four bytes is not hidden.
    ///
    /// ```no_run
    /// # fn gather(context: &gatherer_plugin_api::Context) -> std::io::Result<()> {
    /// let token = std::fs::read_to_string("/run/secrets/token")?;
    /// context.secret(&token);
    /// # Ok(())
    /// # }
    /// ```
    pub fn secret(&self, text: &str) {
        let request = serde_json::json!({ "text": text }).to_string();
        // A runner that does not know the method hides what it was given, as it always did.
        let _ = (self.inner.callbacks.call)(
            self.inner.callbacks.context,
            "secret".into(),
            request.as_str().into(),
        );
    }

    /// Counts one repeated request; the support crate's retry helper calls it.
    pub fn count_retry(&self) {
        self.inner.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests were repeated so far, in the whole gathering.
    pub fn retries(&self) -> u32 {
        self.inner.retries.load(Ordering::Relaxed)
    }

    /// What is returned to the runner after the last record.
    #[doc(hidden)]
    pub fn summary(&self) -> Summary {
        Summary {
            counts: Counts {
                hosts: self.inner.hosts.load(Ordering::Relaxed),
                guests: self.inner.guests.load(Ordering::Relaxed),
            },
            retries: self.retries(),
            other: BTreeMap::new(),
        }
    }

    fn emit(&self, record: &Record, object: &str) -> Result<(), GatherError> {
        let json = json_of(record, object, usize::MAX)?.unwrap_or_default();
        if let Record::Item { .. } = record {
            item_fits(json.len(), object)?;
        }
        self.hand_over(json, object)
    }

    /// Hands over what [`json_of`] wrote.
    fn hand_over(&self, json: Vec<u8>, object: &str) -> Result<(), GatherError> {
        let text = std::str::from_utf8(&json).map_err(|_| no_json(object))?;
        let code = (self.inner.callbacks.emit)(self.inner.callbacks.context, text.into());
        let length = json.len();
        keep(json);
        match EmitCode::from_number(code) {
            EmitCode::Ok => Ok(()),
            EmitCode::Cancelled => Err(cancelled()),
            EmitCode::TooLarge => Err(too_long(length, object)),
            EmitCode::Closed => Err(GatherError::internal("nobody reads the records any more")),
        }
    }
}

/// An item that is too long is not even offered to the runner, to which a record that it had to
/// refuse is a finding lost, and the endpoint with it. Here the plugin can still say which collection
/// lacks it.
fn item_fits(length: usize, name: &str) -> Result<(), GatherError> {
    if length <= RECORD_MAX_BYTES {
        return Ok(());
    }
    let mut error = too_long(length, name);
    error.item_too_long = true;
    Err(error)
}

/// The error of a record that is too long.
fn too_long(length: usize, name: &str) -> GatherError {
    // The name may be what is too long, and the error goes into a record itself.
    let object = if name.len() <= NAMED_BYTES { name } else { "an object with a long name" };
    GatherError::protocol(format!(
        "the record of {object} is {length} bytes long, more than a record may be"
    ))
}

/// The longest name that stands in a message.
const NAMED_BYTES: usize = 1024;

/// The message of the error that a cancelled gathering ends with. The runner, which cancelled
/// it, says why in its place.
pub const CANCELLED: &str = "the gathering was cancelled";

fn cancelled() -> GatherError {
    GatherError::new(ErrorKind::Timeout, CANCELLED)
}
