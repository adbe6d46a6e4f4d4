//! The faults of a fake Prism.

/// What a fake Prism does wrong, or unusually.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NutanixFault {
    /// A later page announces one item more than the page before.
    TotalChanges,
    /// The first item of a later page is the last one of the page before. The item at its place is on no page.
    SameObjectTwice,
    /// v4: the second page is empty, and has a link to the next one. v3: the same, without a link.
    EmptyPageInBetween,
    /// v4: the flag `isTruncated` is true, and the list and its total lack the last item.
    IsTruncated,
    /// v4: the flag `hasError` is true, and the list is complete.
    HasError,
    /// v4: the power states of VMs are `$REDACTED`.
    Redacted,
    /// The lists of VMs are empty, while hosts and clusters count their VMs.
    EmptyVmList,
    /// v4 and v3: a list has no member for its items, although it has items.
    NoList,
    /// v3: a list with length 500 is never answered.
    SilentAtLength500,
    /// v3: a list with length 500 is answered with 504.
    GatewayTimeoutAtLength500,
    /// Every request is refused with 403.
    Forbidden,
}
