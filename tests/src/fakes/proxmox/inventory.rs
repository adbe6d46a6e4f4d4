//! The guests of the fake.

use serde_json::{Value, json};

use super::FakeGuest;

/// Virtual machines, containers and a template on the nodes `pve-a` and `pve-b`.
pub(super) fn guests() -> Vec<FakeGuest> {
    let guest = |vmid, kind, node, name, status, cpus, memory_mib, config: Value| FakeGuest {
        vmid,
        kind,
        node,
        name: Some(name),
        status,
        cpus,
        memory_mib,
        template: false,
        pool: (vmid == 101).then_some("databases"),
        config,
    };
    let mut template = guest(
        900,
        "qemu",
        "pve-a",
        "debian-13",
        "stopped",
        2,
        1024,
        json!({"name": "debian-13", "ostype": "l26", "boot": " ",
            "smbios1": "uuid=aaaaaaaa-0000-4000-8000-000000000900"}),
    );
    template.template = true;
    vec![
        guest(
            100,
            "qemu",
            "pve-a",
            "web",
            "running",
            4,
            2048,
            json!({"name": "web", "sockets": 1, "ostype": "l26", "tags": "prod;web",
                "smbios1": "uuid=AAAAAAAA-0000-4000-8000-000000000100",
                "vmgenid": "bbbbbbbb-0000-4000-8000-000000000100",
                "net0": "virtio=BC:24:11:00:01:00,bridge=vmbr0,firewall=1",
                "net10": "e1000=BC:24:11:00:01:10,bridge=vmbr2", "net2": "virtio=BC:24:11:00:01:02,bridge=vmbr1",
                "scsi0": "local-lvm:vm-100-disk-0,iothread=1,size=32G", "scsihw": "virtio-scsi-single",
                "ide2": "local:iso/debian.iso,media=cdrom,size=600M", "virtio1": "local-lvm:vm-100-disk-1,size=512M",
                "efidisk0": "local-lvm:vm-100-disk-2,efitype=4m,size=4M", "unused0": "local-lvm:vm-100-disk-3"}),
        ),
        guest(
            101,
            "qemu",
            "pve-b",
            "db",
            "stopped",
            8,
            16384,
            json!({"name": "db", "ostype": "win11",
                "smbios1": "base64=1,manufacturer=QSBWZW5kb3I=,uuid=aaaaaaaa-0000-4000-8000-000000000101"}),
        ),
        guest(
            102,
            "lxc",
            "pve-a",
            "proxy",
            "running",
            1,
            512,
            json!({"hostname": "proxy", "ostype": "alpine", "arch": "amd64", "swap": 512,
                "rootfs": "local-lvm:vm-102-disk-0,size=1G", "mp0": "/srv/data,mp=/data",
                "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:02:00,ip=192.0.2.102/24,ip6=auto,type=veth"}),
        ),
        guest(
            103,
            "qemu",
            "pve-b",
            "imported",
            "running",
            2,
            4096,
            json!({"name": "imported", "ostype": "other", "vmgenid": "BBBBBBBB-0000-4000-8000-000000000103"}),
        ),
        guest(
            104,
            "lxc",
            "pve-b",
            "cache",
            "stopped",
            2,
            256,
            json!({"hostname": "cache", "ostype": "debian"}),
        ),
        template,
    ]
}
