//! Writes the files of a daemon: configuration, certificates, users and guests.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::{LibvirtdOptions, Mechanism, PASSWORD, USER};

/// The ports of one daemon.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub tcp: u16,
    pub tls: u16,
    pub ssh: u16,
}

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin
gatherer:x:1000:1000::/:/bin/sh
nobody:x:65534:65534::/:/usr/sbin/nologin
";

const GROUP: &str =
    "root:x:0:\nkvm:x:106:\nlibvirt-qemu:x:64055:\ngatherer:x:1000:\nnogroup:x:65534:\n";

/// QEMU needs no cgroups, namespaces or separate user, because the daemon is isolated already.
const QEMU_CONF: &str = r#"user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
seccomp_sandbox = 0
"#;

/// Writes all files of the daemon with this host UUID into `own`.
pub(super) fn write(own: &Path, options: &LibvirtdOptions, ports: Ports, uuid: &str) {
    for folder in [
        "etc/libvirt/qemu",
        "etc/sasl2",
        "etc/ssh",
        "etc/pki",
        "var/lib/libvirt",
        "var/log/libvirt",
        "var/cache/libvirt/qemu/capabilities",
        "run/libvirt",
        "run/sshd",
        "tmp",
        "root",
        "pki",
        "client-pki",
        "other-pki",
    ] {
        let folder = own.join(folder);
        std::fs::create_dir_all(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    }
    std::os::unix::fs::symlink("/run", own.join("var/run")).expect("the folder is fresh");
    file(own, "etc/passwd", PASSWD);
    file(own, "etc/group", GROUP);
    file(own, "etc/hosts", "127.0.0.1 localhost\n");
    file(own, "etc/libvirt/qemu.conf", QEMU_CONF);
    file(own, "etc/libvirt/libvirtd.conf", &libvirtd_conf(options, ports, uuid));

    let users = if options.sasl.is_some() { format!("{USER} {PASSWORD}\n") } else { String::new() };
    file(own, "etc/sasl-users", &users);
    if let Some(mechanism) = options.sasl {
        let sasl =
            format!("mech_list: {}\nsasldb_path: /etc/libvirt/passwd.db\n", mechanism.as_str());
        file(own, "etc/sasl2/libvirt.conf", &sasl);
    }
    if options.ssh {
        file(own, "etc/ssh/sshd_config", &sshd_config(ports.ssh));
    }
    certificates(own, &options.certificate_names);
    for index in 0..options.guests {
        let name = guest_name(index);
        let uuid = format!("{index:08x}-2000-4000-8000-000000000000");
        let xml = guest(&name, &uuid, 1 + u32::try_from(index % 4).expect("small"), 64);
        file(own, &format!("etc/libvirt/qemu/{name}.xml"), &xml);
    }
}

/// The name of a guest that [`LibvirtdOptions::guests`] defines.
pub fn guest_name(index: usize) -> String {
    format!("guest-{index:05}")
}

/// A guest that QEMU runs without hardware virtualization. Its firmware finds nothing to boot.
pub fn guest(name: &str, uuid: &str, vcpus: u32, memory_mib: u32) -> String {
    format!(
        "<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid>\
         <memory unit='MiB'>{memory_mib}</memory><vcpu>{vcpus}</vcpu>\
         <os><type arch='x86_64' machine='pc'>hvm</type></os>\
         <devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>"
    )
}

fn libvirtd_conf(options: &LibvirtdOptions, ports: Ports, uuid: &str) -> String {
    let auth = |is_required: bool| if is_required { "sasl" } else { "none" };
    let over_tcp = options.sasl == Some(Mechanism::DigestMd5);
    let Ports { tcp, tls, .. } = ports;
    let no_client = u8::from(!options.client_certificate);
    let (auth_tcp, auth_tls) = (auth(over_tcp), auth(options.sasl.is_some() && !over_tcp));
    let allowed = options.allowed_clients.as_ref().map_or_else(String::new, |names| {
        let names: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
        format!("tls_allowed_dn_list = [{}]\n", names.join(", "))
    });
    format!(
        r#"listen_addr = "127.0.0.1"
listen_tcp = 1
listen_tls = 1
tcp_port = "{tcp}"
tls_port = "{tls}"
auth_tcp = "{auth_tcp}"
auth_tls = "{auth_tls}"
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_rw_perms = "0700"
key_file = "/etc/pki/serverkey.pem"
cert_file = "/etc/pki/servercert.pem"
ca_file = "/etc/pki/cacert.pem"
crl_file = ""
tls_no_verify_certificate = {no_client}
host_uuid = "{uuid}"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
{allowed}"#
    )
}

fn sshd_config(port: u16) -> String {
    format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey /etc/ssh/host_key\nPidFile none\n\
         AuthorizedKeysFile /etc/ssh/%u.keys\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
    )
}

/// Writes the server's certificate and three folders for `pkipath`: `pki` with the authority,
/// `client-pki` with the authority and a client certificate, and `other-pki` with another authority of
/// the same name.
fn certificates(own: &Path, names: &[&str]) {
    let (authority, issuer) = authority();
    let pair = |folder: &str, role: &str, names: &[&str]| {
        let key = KeyPair::generate().expect("randomness");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("valid names");
        params.distinguished_name.push(DnType::CommonName, role);
        let certificate = params.signed_by(&key, &issuer).expect("valid parameters");
        file(own, &format!("{folder}/cacert.pem"), &authority);
        file(own, &format!("{folder}/{role}cert.pem"), &certificate.pem());
        file(own, &format!("{folder}/{role}key.pem"), &key.serialize_pem());
    };
    pair("etc/pki", "server", names);
    pair("client-pki", "client", &[]);
    file(own, "pki/cacert.pem", &authority);
    file(own, "other-pki/cacert.pem", &self::authority().0);
}

fn authority() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("randomness");
    let pem = params.self_signed(&key).expect("valid parameters").pem();
    (pem, Issuer::new(params, key))
}

fn file(own: &Path, name: &str, text: &str) {
    let path = own.join(name);
    std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
