//! Keys and certificates of many kinds, made with openssl and signed by the cluster's authority.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_tests::servers::kubernetes::Pki;

/// The subject of an administrator of the cluster.
pub const ADMIN: &str = "/O=system:masters/CN=kubernetes-admin";

/// A private key and a certificate, as files.
pub struct Pair {
    pub key: PathBuf,
    pub certificate: PathBuf,
}

/// An authority that signs.
pub enum Signer<'a> {
    Cluster,
    Other(&'a Pair),
}

/// Makes keys and certificates in the folder of the cluster's keys.
pub struct Certificates {
    pki: Pki,
    serial: Cell<u32>,
}

impl Certificates {
    pub fn new(pki: Pki) -> Self {
        Self { pki, serial: Cell::new(1000) }
    }

    pub fn folder(&self) -> &Path {
        &self.pki.folder
    }

    /// Runs openssl and returns its output.
    pub fn openssl(&self, args: &[&str]) -> String {
        let output = Command::new(&self.pki.openssl)
            .args(args)
            .current_dir(self.folder())
            // The configuration of openssl on this machine must not matter.
            .env("OPENSSL_CONF", "/dev/null")
            .output()
            .expect("openssl runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {args:?}: {stderr}");
        String::from_utf8(output.stdout).expect("PEM is text")
    }

    /// A new private key in PKCS#8: `rsa:2048`, `ec:P-256`, `ED25519`...
    pub fn key(&self, name: &str, algorithm: &str) -> PathBuf {
        let path = self.folder().join(format!("{name}.key"));
        let (algorithm, option) = algorithm.split_once(':').unwrap_or((algorithm, ""));
        let option = match algorithm {
            "rsa" => format!("rsa_keygen_bits:{option}"),
            "ec" => format!("ec_paramgen_curve:{option}"),
            _ => String::new(),
        };
        let file = path.to_str().expect("the path is text");
        let mut args = vec!["genpkey", "-algorithm", algorithm, "-out", file];
        if !option.is_empty() {
            args.extend(["-pkeyopt", &option]);
        }
        if algorithm == "ec" {
            args.extend(["-pkeyopt", "ec_param_enc:named_curve"]);
        }
        self.openssl(&args);
        path
    }

    /// A certificate for a key. Without `extensions`, which are lines of openssl's configuration, it has X.509
    /// version 1.
    pub fn sign(
        &self,
        name: &str,
        key: &Path,
        subject: &str,
        extensions: &str,
        signer: &Signer<'_>,
    ) -> PathBuf {
        let path = |suffix: &str| self.folder().join(format!("{name}.{suffix}"));
        let (request, certificate, lines) = (path("csr"), path("crt"), path("cnf"));
        std::fs::write(&lines, format!("{extensions}\n")).expect("a new file");
        let text = |path: &Path| path.to_str().expect("the path is text").to_owned();
        let (key, request, lines) = (text(key), text(&request), text(&lines));
        self.openssl(&[
            "req", "-new", "-key", &key, "-subj", subject, "-out", &request, "-config", &lines,
        ]);
        let (authority, authority_key) = match signer {
            Signer::Cluster => ("ca.crt".to_owned(), "ca.key".to_owned()),
            Signer::Other(pair) => (text(&pair.certificate), text(&pair.key)),
        };
        self.serial.set(self.serial.get() + 1);
        let serial = self.serial.get().to_string();
        let file = text(&certificate);
        let mut args = vec!["x509", "-req", "-in", &request, "-out", &file, "-days", "30"];
        args.extend(["-set_serial", &serial, "-CA", &authority, "-CAkey", &authority_key]);
        if !extensions.is_empty() {
            args.extend(["-extfile", &lines]);
        }
        self.openssl(&args);
        let version = if extensions.is_empty() { "Version: 1 " } else { "Version: 3 " };
        let printed = self.openssl(&["x509", "-noout", "-text", "-in", &file]);
        assert!(printed.contains(version), "{name}: {printed}");
        certificate
    }

    /// A certificate that is signed by its own key. `extensions` as for [`Self::sign`].
    pub fn self_signed(&self, name: &str, key: &Path, subject: &str, extensions: &str) -> PathBuf {
        let lines = self.folder().join(format!("{name}.cnf"));
        let text = format!("[req]\ndistinguished_name=n\n[n]\n[x]\n{extensions}\n");
        std::fs::write(&lines, text).expect("a new file");
        let certificate = self.folder().join(format!("{name}.crt"));
        let text = |path: &Path| path.to_str().expect("the path is text").to_owned();
        self.openssl(&[
            "req",
            "-x509",
            "-key",
            &text(key),
            "-subj",
            subject,
            "-days",
            "30",
            "-config",
            &text(&lines),
            "-extensions",
            "x",
            "-out",
            &text(&certificate),
        ]);
        certificate
    }

    /// A client certificate of an administrator with a new key.
    pub fn client(&self, name: &str, algorithm: &str) -> Pair {
        let key = self.key(name, algorithm);
        let extensions = "extendedKeyUsage=clientAuth";
        let certificate = self.sign(name, &key, ADMIN, extensions, &Signer::Cluster);
        Pair { key, certificate }
    }
}

/// Reads a text file.
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
