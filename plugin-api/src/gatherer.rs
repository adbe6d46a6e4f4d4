//! The author's side of a plugin: the trait that a module implements, and the context that it gets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::abi::{Callbacks, EmitCode};
use crate::encode::{encode_record, encoding_failed, json_length, reuse_buffer};
use crate::item::{PIECE_BYTES, check_known};
use crate::model::{Guest, Host, Timestamp};
use crate::record::{Counts, Options, RECORD_MAX_BYTES, Record, Summary};
use crate::{CheckStep, ErrorKind, Expiry, GatherError, Item};

/// A module: gathers the hosts of one endpoint and the guests that run on them.
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
    /// The module's parameters. The runner converts each value to the type that the manifest
    /// declares, fills in defaults and omits parameters that are unset.
    type Parameters: DeserializeOwned;

    /// Queries the endpoint and sends every host and guest that it has to the runner. Return `Ok`
    /// only if the answer is complete: a Manager deletes every host and guest that is missing.
    fn gather(parameters: Self::Parameters, context: &Context) -> Result<(), GatherError>;

    /// Checks whether a run will work, for `virtual-host-gatherer check`: sends the names of its steps with
    /// [`Context::check_plan`], then each step with [`Context::check_step`] as soon as it has ended. It sends no hosts,
    /// and changes nothing at the endpoint.
    ///
    /// An error is the failure of the next step of the plan. The default is an `unsupported` error: then an operator sees
    /// that the module cannot check its endpoints.
    ///
    /// ```no_run
    /// # use gatherer_plugin_api::{CheckStep, Context, GatherError};
    /// # fn log_in() -> Result<String, GatherError> { Ok(String::new()) }
    /// # fn check(context: &Context) -> Result<(), GatherError> {
    /// context.check_plan(["login", "product"]);
    /// let version = log_in()?;
    /// context.check_step(CheckStep::ok("login", "the user admin is logged in"));
    /// context.check_step(CheckStep::ok("product", format!("version {version}")));
    /// # Ok(())
    /// # }
    /// ```
    fn check(parameters: Self::Parameters, context: &Context) -> Result<(), GatherError> {
        let _ = parameters;
        Err(GatherError::new(
            ErrorKind::Unsupported,
            format!("the module {} cannot check its endpoints", context.module()),
        ))
    }
}

/// Refers to a host that was sent to the runner, so that guests can be attached to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRef(String);

/// The connection to the runner: a module reads its options from it and sends what it finds to
/// it. Cheap to clone; may be used from several threads.
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
    /// The number of items that were sent, by collection, until the collection ends.
    items: Mutex<BTreeMap<&'static str, u64>>,
    retries: AtomicU32,
}

impl Context {
    /// Called by `export_gatherer!` only.
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

    /// The options that every endpoint has: proxy, certificates, retries.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// When the runner gives up the endpoint; `None` if the endpoint has no time limit.
    pub fn deadline(&self) -> Option<Instant> {
        self.inner.deadline
    }

    /// The time until the deadline, zero if it has passed; `None` if there is no deadline.
    pub fn remaining(&self) -> Option<Duration> {
        self.inner.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether the module should stop. Poll it in long loops.
    pub fn cancelled(&self) -> bool {
        (self.inner.callbacks.cancelled)(self.inner.callbacks.context) != 0
    }

    /// Returns an error if the module should stop: `context.check_cancelled()?`.
    pub fn check_cancelled(&self) -> Result<(), GatherError> {
        if self.cancelled() { Err(cancelled()) } else { Ok(()) }
    }

    /// Sends a host, and then the guests in `host.guests`.
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

    /// Sends a guest of a host.
    pub fn guest(&self, host: &HostRef, guest: Guest) -> Result<(), GatherError> {
        self.inner.guests.fetch_add(1, Ordering::Relaxed);
        let name = guest.name.clone();
        self.emit(&Record::Guest { host_ref: host.0.clone(), guest: Box::new(guest) }, &name)
    }

    /// Sends a warning about an object: something unusual that does not make the answer wrong.
    pub fn warning(
        &self,
        object: impl Into<String>,
        message: impl Into<String>,
    ) -> Result<(), GatherError> {
        let object = object.into();
        let name = object.clone();
        self.emit(&Record::Warning { object, message: message.into() }, &name)
    }

    /// Ends an optional collection, a [`Collection`](crate::Collection): `Ok` if all of its items
    /// were sent, otherwise the reason why it is incomplete. A collection that this version of the API does
    /// not have cannot end with `Ok`: that is an error, whatever the module makes of it.
    pub fn collection_end(
        &self,
        name: impl Into<String>,
        result: Result<(), GatherError>,
    ) -> Result<(), GatherError> {
        let name = name.into();
        let object = name.clone();
        let mut counts = self.items();
        let items = counts.remove(name.as_str()).unwrap_or(0);
        let known = if result.is_ok() { check_known(&name) } else { Ok(()) };
        // An unknown one is sent too, so that the runner fails the endpoint even if the error is ignored.
        self.emit(&Record::CollectionEnd { name, items, error: result.err() }, &object)?;
        known
    }

    /// Sends an item of an optional collection. After the last one call
    /// [`collection_end`](Self::collection_end). If a collection ends with an error, the runner drops
    /// its items and keeps everything else.
    ///
    /// An item that is too long is not sent. The result is a `protocol` error whose
    /// [`item_too_long`](GatherError::item_too_long) is set. The collection is incomplete without the
    /// item, so end it with this error and continue with the next collection.
    ///
    /// ```no_run
    /// # use gatherer_plugin_api::{Collection, Context, GatherError, model::Pod};
    /// # fn gather(context: &Context, pods: Vec<Pod>) -> Result<(), GatherError> {
    /// let result = pods.into_iter().try_for_each(|pod| context.item(pod));
    /// match result {
    ///     Err(error) if !error.item_too_long => return Err(error),
    ///     result => context.collection_end(Collection::Pods, result)?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn item(&self, item: impl Into<Item>) -> Result<(), GatherError> {
        let item = item.into();
        let (name, collection) = (item.name().to_owned(), item.collection());
        let mut record = Record::Item { item, more: false };
        let mut continuations = Vec::new();
        // Almost every item is short enough for one record.
        let json = encode_record(&record, &name, PIECE_BYTES)?;
        if json.is_none()
            && let Record::Item { item, .. } = &mut record
        {
            let pieces = item.split_off().into_iter();
            continuations.extend(pieces.map(|item| Record::Item { item, more: true }));
            // Check all pieces before the first is sent: an item arrives whole or not at all.
            for record in &continuations {
                check_item_length(json_length(record), &name)?;
            }
        }
        // Held until the last piece is sent, so that the pieces of two items do not mix.
        let mut counts = self.items();
        match json {
            Some(json) => self.send(json, &name)?,
            None => self.emit(&record, &name)?,
        }
        *counts.entry(collection).or_default() += 1;
        continuations.iter().try_for_each(|record| self.emit(record, &name))
    }

    /// Withdraws every item of a collection that was sent so far, because the collection is read
    /// again from its beginning.
    pub fn start_collection_over(&self, name: &str) -> Result<(), GatherError> {
        let mut counts = self.items();
        counts.remove(name);
        self.emit(&Record::StartOver { collection: Some(name.to_owned()) }, name)?;
        check_known(name)
    }

    /// Locks the item counts of the open collections. A caller that changes a count must send the
    /// record for it before it releases the lock.
    fn items(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.inner.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Withdraws every host, guest and collection that was sent so far, because the source changed
    /// while it was read and is read again from its beginning. This allows a module to send a long
    /// list page by page. Warnings are kept. No other thread may send anything during this call.
    pub fn start_over(&self) -> Result<(), GatherError> {
        self.inner.hosts.store(0, Ordering::Relaxed);
        self.inner.guests.store(0, Ordering::Relaxed);
        let mut counts = self.items();
        counts.clear();
        self.emit(&Record::StartOver { collection: None }, "start over")
    }

    /// Reports what the module is doing, for the progress display.
    pub fn progress(&self, message: &str) {
        self.call("progress", &serde_json::json!({ "message": message }));
    }

    /// Declares the names of a check's steps, in their order, before the first of them. So the operator sees which steps
    /// were not tried after a failure, and which one a check was in that hangs or crashes. A later call replaces
    /// the names.
    pub fn check_plan(&self, steps: impl IntoIterator<Item = impl Into<String>>) {
        let steps: Vec<String> = steps.into_iter().map(Into::into).collect();
        self.call("check-plan", &serde_json::json!({ "steps": steps }));
    }

    /// Sends a step of a check that has ended. The runner shows at most 200 steps.
    pub fn check_step(&self, step: CheckStep) {
        self.call("check-step", &serde_json::to_value(step).unwrap_or_default());
    }

    /// Reports when a certificate, token or password of the endpoint expires, in a check or while gathering. `what` is a
    /// noun with its article, such as `the certificate of the server`; a later report about it replaces the first.
    pub fn expiry(&self, what: impl Into<String>, at: Timestamp) {
        self.call("expiry", &serde_json::json!(Expiry::new(what, at)));
    }

    /// Calls a method of the runner. Errors are ignored: a runner without the method does without what it gets.
    fn call(&self, method: &str, request: &serde_json::Value) {
        let Callbacks { call, context, .. } = self.inner.callbacks;
        let _ = call(context, method.into(), request.to_string().as_str().into());
    }

    /// Registers a secret that the module obtained while gathering, for example from a file or a
    /// login. The runner already knows the secrets in the request.
    ///
    /// Register a secret before you use it: from then on the runner redacts it in log lines, in
    /// output to stdout and stderr, in warnings and in errors. Hosts and guests are not redacted. The
    /// runner accepts 256 secrets of at most 128 KiB each and 1 MiB in total; if there are more, the
    /// gathering fails. Registering a secret twice has no effect. Secrets shorter than four bytes
    /// are not redacted.
    ///
    /// ```no_run
    /// # fn gather(context: &gatherer_plugin_api::Context) -> std::io::Result<()> {
    /// let token = std::fs::read_to_string("/run/secrets/token")?;
    /// context.secret(&token);
    /// # Ok(())
    /// # }
    /// ```
    pub fn secret(&self, text: &str) {
        // A runner without this method still redacts the request's secrets.
        self.call("secret", &serde_json::json!({ "text": text }));
    }

    /// Counts one retried request. The retry helper of the support crate calls it.
    pub fn count_retry(&self) {
        self.inner.retries.fetch_add(1, Ordering::Relaxed);
        self.report_retries();
    }

    /// Reports the number of retried requests so far, for an endpoint that fails or is ended.
    #[doc(hidden)]
    pub fn report_retries(&self) {
        // A runner without this method reads the number from the summary alone.
        self.call("retries", &serde_json::json!({ "count": self.retries() }));
    }

    /// The number of retried requests so far, in the whole gathering.
    pub fn retries(&self) -> u32 {
        self.inner.retries.load(Ordering::Relaxed)
    }

    /// Waits a moment until every clone is dropped. Records that a thread or task of the module sends after
    /// `gather` has returned would be lost, so a clone that remains is an error.
    pub(crate) fn wait_for_clones(&self) -> Result<(), GatherError> {
        let end = Instant::now() + CLONES_LIMIT;
        loop {
            let clones = Arc::strong_count(&self.inner) - 1;
            if clones == 0 {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(GatherError::internal(format!(
                    "gather returned, but a clone of its Context still exists ({clones} in all); what it sends \
                     would be lost"
                ))
                .with_hint(
                    "join each thread and task that has a clone before gather returns, and keep none in a \
                     static",
                ));
            }
            std::thread::sleep(CLONES_POLL_INTERVAL);
        }
    }

    /// The summary that `invoke` returns after the last record.
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
        let json = encode_record(record, object, usize::MAX)?.unwrap_or_default();
        if let Record::Item { .. } = record {
            check_item_length(json.len(), object)?;
        }
        self.send(json, object)
    }

    /// Sends a record that [`encode_record`] has encoded.
    fn send(&self, json: Vec<u8>, object: &str) -> Result<(), GatherError> {
        let text = std::str::from_utf8(&json).map_err(|_| encoding_failed(object))?;
        let code = (self.inner.callbacks.emit)(self.inner.callbacks.context, text.into());
        let length = json.len();
        reuse_buffer(json);
        match EmitCode::from_number(code) {
            EmitCode::Ok => Ok(()),
            EmitCode::Cancelled => Err(cancelled()),
            EmitCode::TooLarge => Err(record_too_long(length, object)),
            EmitCode::Closed => Err(GatherError::internal("the runner no longer reads records")),
        }
    }
}

/// How long clones of the context may exist after `gather` has returned: a thread that has sent its last record
/// drops its clone only afterwards.
const CLONES_LIMIT: Duration = Duration::from_secs(1);

/// The interval at which the number of clones is read.
const CLONES_POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Returns an error with `item_too_long` if an item of this length does not fit into a record. The
/// check is made here because the runner treats a record that it rejects as lost and fails the
/// endpoint, whereas the plugin can still fail only the item's collection.
fn check_item_length(length: usize, name: &str) -> Result<(), GatherError> {
    if length <= RECORD_MAX_BYTES {
        return Ok(());
    }
    let mut error = record_too_long(length, name);
    error.item_too_long = true;
    Err(error)
}

fn record_too_long(length: usize, name: &str) -> GatherError {
    // The error is sent in a record too, so it must not contain a name that is itself too long.
    let object =
        if name.len() <= NAME_IN_MESSAGE_MAX_BYTES { name } else { "an object with a long name" };
    GatherError::protocol(format!(
        "the record of {object} is {length} bytes long; the limit is {RECORD_MAX_BYTES} bytes"
    ))
}

/// Longer names are not included in messages.
const NAME_IN_MESSAGE_MAX_BYTES: usize = 1024;

/// The message of the error that a cancelled gathering returns. The runner recognizes it and reports
/// its own reason for the cancellation instead.
pub const CANCELLED: &str = "the gathering was cancelled";

fn cancelled() -> GatherError {
    GatherError::new(ErrorKind::Timeout, CANCELLED)
}
