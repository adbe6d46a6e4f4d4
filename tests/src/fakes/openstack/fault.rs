//! The faults of a fake OpenStack.

/// What a fake OpenStack does wrong, or unusually.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenstackFault {
    /// The links in answers have `http` and the service's own host, as behind a proxy that ends TLS.
    InternalLinks,
    /// The second page of a list is empty, and has a link to the page that belongs there.
    EmptyPageInBetween,
    /// A later page begins with the last item of the page before, as when a server moves to another cell.
    SameObjectTwice,
    /// The last page of a list has no member for its items.
    NoList,
    /// The next link of a page leads to this page.
    SelfLink,
    /// The server that the first page ends with is deleted before the second page is asked for.
    MarkerDeleted,
    /// The list of servers is empty, although the hypervisors count their guests.
    NoServers,
    /// The first compute node is left out of the hypervisors, because nova lost its service.
    HypervisorMissing,
    /// The list of hypervisors is empty.
    NoHypervisors,
    /// The hosts' uptimes, which belong to the hypervisors from 2.88 on, cannot be read: status 500.
    UptimeFails,
    /// The first request for servers is refused with 413, as older releases do with too many requests.
    OverLimit,
    /// The token's catalogue is empty.
    NoCatalog,
    /// The whole numbers of servers, flavors and hypervisors are texts.
    NumbersAsText,
}
