"""Random values of modelled shapes, and the canonical form in which two codecs' results are compared."""
import base64
import datetime
import random

TEXT = 'abcXYZ019-_./ &<>"\'é€+=%,'
HEADER_TEXT = "abcXYZ019-_./"


def is_stream(member):
    return bool(member.serialization.get("eventstream")
                or (member.type_name == "blob" and member.serialization.get("streaming")))


class Generator:
    def __init__(self, seed, left_out):
        self.random = random.Random(seed)
        self.left_out = left_out  # (shape, member) pairs that are never set

    def value(self, shape, depth=0, location=None):
        if getattr(shape, "is_document_type", False):
            return {"a": 1, "b": [True, "x"]}
        return getattr(self, shape.type_name)(shape, depth, location)

    def structure(self, shape, depth, location):
        chance = 0 if depth > 6 else 0.15 if depth > 2 else 0.6
        members = {name: member for name, member in shape.members.items()
                   if not is_stream(member) and (shape.name, name) not in self.left_out}
        if shape.is_tagged_union:
            members = dict([self.random.choice(list(members.items()))])
        chosen = {name for name in members
                  if shape.is_tagged_union or name in shape.required_members or self.random.random() < chance}
        if not chosen and depth and members:
            chosen = {next(iter(members))}
        return {name: self.value(members[name], depth + 1, members[name].serialization.get("location"))
                for name in members if name in chosen}

    def list(self, shape, depth, location):
        return [self.value(shape.member, depth + 1, location) for _ in range(self.random.randint(1, 3))]

    def map(self, shape, depth, location):
        keys = [self.text(shape.key, HEADER_TEXT) for _ in range(self.random.randint(1, 3))]
        if location:  # a map in headers: names compare without case
            keys = [key.lower().strip("./") or "x" for key in keys]
        return {key: self.value(shape.value, depth + 1, location) for key in keys}

    def string(self, shape, depth, location):
        return self.text(shape, HEADER_TEXT if location and location != "querystring" else TEXT)

    character = string

    def text(self, shape, alphabet):
        if getattr(shape, "enum", None):
            return self.random.choice(shape.enum)
        return "".join(self.random.choices(alphabet, k=self.random.randint(1, 8))).strip() or "x"

    def integer(self, *_):
        return self.random.randint(-5, 2**31 - 1)

    def long(self, *_):
        return self.random.randint(-5, 2**52)

    def boolean(self, *_):
        return self.random.random() < 0.5

    def float(self, *_):
        return self.random.choice([0.5, 1.25, -3.0])

    def double(self, *_):
        return self.random.choice([0.5, 1.25, -3.0, 1e10, 12345.678])

    def timestamp(self, *_):
        return datetime.datetime(2025, self.random.randint(1, 12), self.random.randint(1, 28), self.random.randint(0, 23),
                                 5, 7, tzinfo=datetime.timezone.utc)

    def blob(self, *_):
        return self.random.randbytes(self.random.randint(0, 7))


def canonical(value, shape):
    """Model names, base64 blobs, epoch-second timestamps, no streams: what wire/codec.h calls canonical JSON."""
    if getattr(shape, "is_document_type", False):
        return value
    kind = shape.type_name
    if kind == "structure":
        return {name: canonical(item, shape.members[name]) for name, item in value.items()
                if name in shape.members and not is_stream(shape.members[name])}
    if kind == "list":
        return [canonical(item, shape.member) for item in value]
    if kind == "map":
        return {key: canonical(item, shape.value) for key, item in value.items()}
    if kind == "timestamp":
        return round(value.timestamp(), 3) if isinstance(value, datetime.datetime) else float(value)
    if kind == "blob":
        return base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()
    return value


def difference(want, got, path=""):
    """The first place where two canonical values differ, or None. 1 and 1.0 are the same number."""
    if isinstance(want, dict) and isinstance(got, dict):
        for key in sorted(set(want) | set(got)):
            if key not in want:
                return f"{path}.{key}: unexpected {got[key]!r}"
            if key not in got:
                return f"{path}.{key}: missing, want {want[key]!r}"
            found = difference(want[key], got[key], f"{path}.{key}")
            if found:
                return found
        return None
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        found = (difference(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(want, got)))
        return next(filter(None, found), None)
    same_type = isinstance(want, bool) == isinstance(got, bool)
    return None if want == got and same_type else f"{path}: want {want!r}, got {got!r}"
