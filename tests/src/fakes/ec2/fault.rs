//! What a fake EC2 does wrong, or unusually.

/// What a fake EC2 does wrong, or unusually.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ec2Fault {
    /// The page after the first one has no items, but a token.
    EmptyPageInBetween,
    /// Each page after the first one begins with the last item of the page before.
    SameItemTwice,
    /// The token of the second page is the token of the second page.
    TokenOfItself,
    /// The list has no end: after the last item there are only empty pages with new tokens.
    EndlessPages,
    /// The last page has an empty token.
    EmptyToken,
    /// The last page lacks its list.
    LastPageWithoutList,
    /// An instance is terminated, and gone, after the first page.
    InstanceGoneAfterFirstPage,
    /// The access key expires after the first page. The other keys do not.
    KeyExpiresAfterFirstPage,
    /// The key may not make this call.
    Denied(&'static str),
    /// This call has an error with this status and code.
    Fails(&'static str, u16, &'static str),
    /// This call has a page of HTML with status 500, as moto answers a token that it does not know.
    Html(&'static str),
    /// DescribeAvailabilityZones drops unknown zones without an error, as moto does.
    UnknownZonesAreDropped,
    /// DescribeAvailabilityZones lists no zones.
    NoZones,
    /// DescribeInstanceTypes knows none of the types.
    NoTypes,
    /// Instances have only those members that the oldest answers have.
    OldInstances,
    /// Elements that are not documented, comments, and processing instructions are between the others.
    UnknownElements,
    /// All elements have a prefix of the namespace.
    NamespacePrefix,
}
