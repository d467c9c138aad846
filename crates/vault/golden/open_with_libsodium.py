"""Opens the golden ring and record with libsodium (PyNaCl) and Python's own HMAC and SHA-256.

An independent reading of docs/formats/vault.md; run by hand: pip install pynacl && python3 open_with_libsodium.py
"""
import hashlib, hmac, pathlib, struct
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as aead_open

HERE = pathlib.Path(__file__).parent
DOMAIN = b"nameplate/vault/v1"


def framed(*parts):
    return b"".join(struct.pack("<I", len(p)) + p for p in parts)


def hkdf(key, info):
    prk = hmac.new(bytes(32), key, hashlib.sha256).digest()
    return hmac.new(prk, info + b"\x01", hashlib.sha256).digest()


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        self.at += n
        assert self.at <= len(self.data)
        return self.data[self.at - n:self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "little")

    def part(self):
        return self.take(self.number(2))


# The ring
ring = (HERE / "ring-by-key-file.bin").read_bytes()
assert ring[:8] == b"NPRING01" and ring[8] == 2
header, nonce, sealed = ring[:69], ring[69:93], ring[93:]
salt, ring_id = header[21:53], header[53:69]
secret = bytes.fromhex((HERE / "key-file.txt").read_text().strip())
body = Reader(aead_open(sealed, header, nonce, hkdf(secret, framed(DOMAIN, b"key file", salt))))
versions = {}
for _ in range(body.number(4)):
    version = body.number(4)
    versions[version] = body.take(32)
assert body.at == len(body.data) and list(versions) == [1]

# The record
r = Reader((HERE / "record.bin").read_bytes())
assert r.take(8) == b"NPSEAL01"
suite, schema, generation = r.take(1), r.take(2), r.take(4)
assert suite == b"\x01" and schema == b"\x01\x00"
tenant, holder = r.part(), r.part()
commit_nonce, commitment, provider = r.take(32), r.take(32), r.take(16)
assert provider == ring_id
version = r.take(4)
wrapped = r.part()
wrap_context = framed(DOMAIN, b"wrap", tenant, holder, generation)
ring_context = framed(DOMAIN, b"ring", ring_id, version, wrap_context)
data_key = aead_open(wrapped[24:], ring_context, wrapped[:24], versions[int.from_bytes(version, "little")])


def field_context(field):
    return framed(DOMAIN, suite, tenant, holder, field, schema, generation)


digest = hashlib.sha256(field_context(b""))
for _ in range(r.number(2)):
    field, nonce, sealed = r.part(), r.take(24), r.part()
    digest.update(framed(field, nonce, sealed))
    plain = aead_open(sealed, field_context(field), nonce, hkdf(data_key, framed(DOMAIN, b"field", field)))
    value = plain.rstrip(b"\0")
    assert value[-1] == 0x80 and len(plain) % 32 == 0
    print(field.decode(), "=", value[:-1].decode())
assert r.at == len(r.data)
assert hkdf(data_key, framed(DOMAIN, b"commit", commit_nonce, digest.digest())) == commitment
print("commitment holds")
