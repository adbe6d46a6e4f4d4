//! The forms of a kubeconfig for which module Kubernetes and kubectl differ.

/// Why they differ. The text is a row of the table in `docs/modules/Kubernetes.md`.
#[derive(Debug, Clone, Copy)]
pub enum Difference {
    /// kubectl lists the nodes, the module refuses to by policy.
    Policy(&'static str),
    /// kubectl lists the nodes, the crypto library cannot.
    Library(&'static str),
    /// The module lists the nodes, kubectl does not.
    Lenient(&'static str),
}

use Difference::{Lenient, Library, Policy};

const P521: &str = "a P-521 key of a client, a server or an authority";
const SMALL_RSA: &str = "an RSA key below 2048 bits of a client, a server or an authority";
const FILES: &str = "files outside the kubeconfig's folder";
const WHITE_SPACE: &str = "white space around a token or base64";
const UNUSED_FILES: &str = "a file that is missing, beside its `-data` field";

/// Each form with its reason.
pub const DIFFERENCES: &[(&str, Difference)] = &[
    ("client key P-521", Library(P521)),
    ("client key RSA 1024", Library(SMALL_RSA)),
    (
        "client key RSA 3000",
        Library("an RSA client key of another length than 2048, 3072 or 4096 bits"),
    ),
    (
        "client key RSA 8192",
        Library("an RSA client key of another length than 2048, 3072 or 4096 bits"),
    ),
    ("pinned certificate of the server, P-521 key", Library(P521)),
    ("server key P-521", Library(P521)),
    ("authority with a P-521 key", Library(P521)),
    ("server key RSA 1024", Library(SMALL_RSA)),
    ("authority with an RSA 1024 key", Library(SMALL_RSA)),
    (
        "server certificate of an authority, issued by an intermediate one",
        Library(
            "a server's certificate of an authority (`CA:TRUE`), issued by an intermediate authority",
        ),
    ),
    ("exec", Policy("a program (`exec`, or `cmd-path` of an `auth-provider`)")),
    ("tokenFile outside the kubeconfig's folder", Policy(FILES)),
    ("authority: file outside the kubeconfig's folder", Policy(FILES)),
    ("token in quotes with a line break", Lenient(WHITE_SPACE)),
    ("token with blanks around it", Lenient(WHITE_SPACE)),
    ("authority: base64 with blanks at its end", Lenient(WHITE_SPACE)),
    ("client certificate as data beside a file that is missing", Lenient(UNUSED_FILES)),
    ("authority: data beside a file that is missing", Lenient(UNUSED_FILES)),
    (
        "exec that prints another version, allowed by the operator",
        Lenient("a program that prints another `apiVersion` than that of `exec`"),
    ),
    (
        "auth-provider gcp with a token",
        Lenient(
            "`auth-provider` `gcp` with an `access-token` on a machine without Google's credentials",
        ),
    ),
    (
        "authority without basic constraints",
        Lenient("an authority without basic constraints, or one that has expired"),
    ),
    ("document: two, the first empty", Lenient("an empty YAML document before the kubeconfig")),
    ("document: begins with %YAML", Lenient("a `%YAML` directive")),
    ("document: insecure-skip-tls-verify is tRue", Lenient(FLAGS)),
    ("document: insecure-skip-tls-verify is \"yes\"", Lenient(FLAGS)),
];

const FLAGS: &str = "`tRue` or `\"yes\"` as a flag";
