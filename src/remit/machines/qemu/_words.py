"""What QEMU is told, as words. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["BEGIN", "ENDED", "PROBE", "Virtual", "probe_words", "words"]

QEMU: Final = "qemu-system-x86_64"
HOST: Final = "10.0.2.2"  # the host's loopback, as machines on QEMU's user network see it
PORT: Final = 0xF4
ENDED: Final = 3  # the status with which QEMU ends when a guest writes 1 to isa-debug-exit: 1 << 1 | 1
PROBE: Final = (
    bytes.fromhex(
        "fa31c08ed88ec08ed0bc0070fc66bf001000000f22df6631c066b9000c000066f3ab66c70600100320000066c7060020"
        "0330000066c7060030830000000f20e06683c8200f22e066b9800000c00f32660d000100000f300f0116987c0f20c066"
        "0d010000800f22c0ea6d7c0800b980969800ffc975fcb001e6f4f4ebfd0f1f00000000000000000000000000009a2000"
        "00000000009200001700807c0000"
    ).ljust(510, b"\0")
    + b"\x55\xaa"
)
"""A boot sector that ends the machine once it has come as far as a kernel does: 64-bit code under paging, counting to ten million.

Where KVM cannot run guests in truth, code of 16 bits may still do something. In order: page tables at 0x1000 (PML4, PDPT, one entry of 2 MiB), CR3, PAE in CR4, LME in
EFER, a table of segments, PG and PE in CR0, a far jump; then mov ecx, 10000000; dec ecx; jnz; mov al, 1; out 0xf4, al; hlt.
"""
BEGIN: Final = (QEMU, "-nodefaults", "-no-user-config", "-display", "none")


class Virtual(NamedTuple):
    """One virtual machine: `memory` in MiB; `ports` maps the host's loopback to the machine's."""

    name: str
    memory: int
    cpus: int
    kvm: bool
    ports: tuple[tuple[int, int], ...]


def words(one: Virtual) -> list[str]:
    """The command, to be run in the machine's directory."""
    forwards = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for here, there in one.ports)
    return [
        *BEGIN,
        *(
            "-name",
            one.name,
            "-machine",
            f"pc,accel={'kvm' if one.kvm else 'tcg'}",
            "-cpu",
            "host" if one.kvm else "max",
        ),
        *("-m", str(one.memory), "-smp", str(one.cpus)),
        *("-drive", "file=disk.qcow2,if=virtio,format=qcow2,discard=unmap"),
        *("-drive", "file=seed.iso,if=virtio,format=raw,readonly=on"),
        *("-netdev", f"user,id=net{forwards}", "-device", "virtio-net-pci,netdev=net"),
        *("-device", "virtio-rng-pci", "-vga", "none"),
        *("-chardev", "file,id=console,path=console.log,append=on", "-serial", "chardev:console"),
        *("-qmp", "unix:qmp.sock,server=on,wait=off", "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny"),
    ]


def probe_words(disk: str, *, kvm: bool) -> list[str]:
    """A machine that runs `PROBE`."""
    return [
        *BEGIN,
        *("-machine", f"pc,accel={'kvm' if kvm else 'tcg'}", "-m", "16", "-vga", "none", "-no-reboot"),
        *("-drive", f"file={disk},if=ide,format=raw", "-device", f"isa-debug-exit,iobase={PORT:#x},iosize=1"),
    ]
