//! The faults of a fake Azure.

/// A call to the Resource Manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AzureCall {
    /// The subscription itself.
    Subscription,
    /// The list of locations.
    Locations,
    /// The plain list of virtual machines.
    Vms,
    /// The list of virtual machines with their statuses.
    Statuses,
    /// The list of scale sets.
    ScaleSets,
    /// The list of the instances of a scale set.
    Instances,
    /// One virtual machine.
    Vm,
    /// The list of the sizes of a location.
    Sizes,
    /// The list of stock keeping units.
    Skus,
}

/// What a fake Azure does wrong, or unusually.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AzureFault {
    /// The client secret is right, but has expired.
    SecretExpired,
    /// The numbers in the answer to a login are texts, as in version 1 of the login service.
    NumbersAsText,
    /// The access token has expired when the client asks for the second page of a list.
    TokenExpiresInBetween,
    /// The call is refused with 403 `AuthorizationFailed`.
    Forbidden(AzureCall),
    /// The call is refused with 429, with this `Retry-After`.
    Throttled(AzureCall, Option<u32>),
    /// The second page of a list is empty, and has a link to the next one.
    EmptyPageInBetween(AzureCall),
    /// The first page of a list is empty, and has a link to the next one.
    EmptyFirstPage(AzureCall),
    /// The first object of each later page is the last one of the page before.
    SameObjectTwice(AzureCall),
    /// The last page has an empty text as its link.
    EmptyLink(AzureCall),
    /// The last page has null as its link.
    NullLink(AzureCall),
    /// The link of the first page leads to itself: the same page and the same link again.
    LinkToItself(AzureCall),
    /// The links begin with this text instead of the scheme, host and port of the server.
    LinkTo(AzureCall, String),
    /// The answer has status 200 and no list.
    NoList(AzureCall),
    /// The answer has status 200 and an error instead of a list.
    ErrorWith200(AzureCall),
    /// The list lacks the virtual machine with this name, and nothing shows that.
    Missing(AzureCall, &'static str),
    /// The lists of the instances of scale sets are empty, as they are reported to be for lack of a right.
    NoInstances,
    /// The ids in the list of statuses are in upper case.
    IdsInUpperCase,
    /// No status is a power state.
    NoPowerStates,
    /// The list of sizes and that of stock keeping units are empty.
    NoSizes,
}
