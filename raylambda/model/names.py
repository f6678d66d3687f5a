"""The constrained values of Lambda's service model, once, for the wire models, the CLI and the client.

A constraint knows AWS's own words for its rules (lambda-reference.md 1, validation message grammar). It is written as
pydantic metadata, ``Annotated[str, Text(most=64)]``, and reports every rule that a value breaks, as AWS does: an error of the
type ``CONSTRAINT`` whose context holds ``broken`` (a tuple of rules) and ``value``, in the type that AWS would print.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from raylambda.model.runtime_names import MODELLED_RUNTIMES

CONSTRAINT: Final = "constraint"
NOT_NULL: Final = "Member must not be null"
LONGEST_TEXT: Final = 16_384
"""No constrained member may be longer, so longer text is not matched against patterns."""

_Check = Callable[[Any], tuple[str, ...]]
_LETTERS = r"[\w .:/=+\-@\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*"
"""The letters, numbers and separators of Unicode, which Python's ``re`` cannot name by category."""


def _between(most: float | None, least: float | None, what: str) -> tuple[str, ...]:
    """AWS's words for a range, the upper limit first."""
    upper = () if most is None else (f"Member must have {what} less than or equal to {most}",)
    lower = () if least is None else (f"Member must have {what} greater than or equal to {least}",)
    return upper + lower


def _outside(measure: float, most: float | None, least: float | None, what: str) -> tuple[str, ...]:
    """The rules of ``_between`` that ``measure`` breaks."""
    too_much = most is not None and measure > most
    too_little = least is not None and measure < least
    return _between(most if too_much else None, least if too_little else None, what)


def _checked(check: _Check, inner: CoreSchema) -> CoreSchema:
    """Validate by ``inner``, then refuse a value with broken rules."""

    def refuse(value: Any) -> Any:
        if broken := check(value):
            raise PydanticCustomError(CONSTRAINT, "constraint", {"broken": broken, "value": value})
        return value

    return core_schema.no_info_after_validator_function(refuse, inner)


@dataclass(frozen=True, slots=True)
class Text:
    """A string; ``pattern`` must match all of it, ``regex`` is the same for Python where its grammar differs from Java's."""

    most: int | None = None
    least: int | None = None
    pattern: str | None = None
    values: tuple[str, ...] = ()
    regex: str | None = None

    def rules(self) -> tuple[str, ...]:
        """All rules in AWS's words."""
        return _between(self.most, self.least, "length") + self._pattern_rule() + self._values_rule()

    def broken(self, value: str) -> tuple[str, ...]:
        """The rules that ``value`` breaks."""
        broken = _outside(len(value), self.most, self.least, "length")
        if self._mismatches(value):
            broken += self._pattern_rule()
        if self.values and value not in self.values:
            broken += self._values_rule()
        return broken

    def element_rules(self) -> tuple[str, ...]:
        """The rules as AWS prints them for the elements of a list or map: enums are said not to be null."""
        return (*self.rules(), NOT_NULL) if self.values else self.rules()

    def _mismatches(self, value: str) -> bool:
        """Whether the pattern is broken. A request may hold 70 MB of text, and no pattern takes text as long as that."""
        if self.pattern is None:
            return False
        if len(value) > LONGEST_TEXT:
            return self.most is None
        return _compiled(self.pattern, self.regex).fullmatch(value) is None

    def _pattern_rule(self) -> tuple[str, ...]:
        return () if self.pattern is None else (f"Member must satisfy regular expression pattern: {self.pattern}",)

    def _values_rule(self) -> tuple[str, ...]:
        return (f"Member must satisfy enum value set: [{', '.join(self.values)}]",) if self.values else ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _checked(self.broken, handler(source))


@dataclass(frozen=True, slots=True)
class Number:
    """An integer or a floating-point number in a closed range."""

    most: float | None = None
    least: float | None = None

    def broken(self, value: float) -> tuple[str, ...]:
        """The rules that ``value`` breaks."""
        return _outside(value, self.most, self.least, "value")

    def element_rules(self) -> tuple[str, ...]:
        """All rules, as AWS prints them for the values of a map."""
        return (*_between(self.most, self.least, "value"), NOT_NULL)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _checked(self.broken, handler(source))


@dataclass(frozen=True, slots=True)
class Elements:
    """A list whose length is limited and whose elements obey ``each``."""

    most: int | None = None
    least: int | None = None
    each: Text | None = None

    def broken(self, values: Sequence[Any]) -> tuple[str, ...]:
        """The rules that the list breaks; a broken element is reported with all the rules of elements."""
        broken = _outside(len(values), self.most, self.least, "length")
        if self.each is not None and any(value is None or self.each.broken(value) for value in values):
            broken += (_composed("Member", self.each.element_rules()),)
        return broken

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _checked(self.broken, _without_nulls("Member", handler(source)))


@dataclass(frozen=True, slots=True)
class Entries:
    """A map whose keys and values obey ``keys`` and ``values``."""

    keys: Text | None = None
    values: Text | Number | None = None

    def broken(self, entries: Mapping[str, Any]) -> tuple[str, ...]:
        """The rules that the map breaks, those of keys first."""
        broken: tuple[str, ...] = ()
        if self.keys is not None and any(self.keys.broken(key) for key in entries):
            broken += (_composed("Map keys", self.keys.element_rules()),)
        if self.values is not None and any(self.values.broken(value) for value in entries.values()):
            broken += (_composed("Map value", self.values.element_rules()),)
        return broken

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _checked(self.broken, _without_nulls("Map value", handler(source)))


@cache
def _compiled(pattern: str, regex: str | None) -> re.Pattern[str]:
    """Java's classes are ASCII unless they name a category of Unicode, and then ``regex`` says so in Python."""
    return re.compile(pattern, re.ASCII) if regex is None else re.compile(regex)


def _composed(subject: str, rules: Sequence[str]) -> str:
    return f"{subject} must satisfy constraint: [{', '.join(rules)}]"


def _without_nulls(subject: str, inner: CoreSchema) -> CoreSchema:
    """Refuse ``null`` among the elements in AWS's words, before their type is looked at."""

    def refuse(value: Any) -> Any:
        elements = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        if any(element is None for element in elements):
            broken = (_composed(subject, (NOT_NULL,)),)
            raise PydanticCustomError(CONSTRAINT, "constraint", {"broken": broken, "value": value})
        return value

    return core_schema.no_info_before_validator_function(refuse, inner)


_REGION = r"(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}"
_ARN_HEAD = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?(" + _REGION + r":)?(\d{12}:)?(function:)?"
_FUNCTION = _ARN_HEAD + r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
_NAMESPACED = _ARN_HEAD + r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
_ANY_ARN = r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()"
_TAGGABLE = (
    r"arn:(aws[a-zA-Z-]*):lambda:"
    + _REGION
    + r":\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}"
    r"|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|(capacity-provider|network-connector):[a-zA-Z0-9-_]{1,64})"
)
_LAYER_VERSION = (
    r"((arn:(aws[a-zA-Z-]*)?:lambda:" + _REGION + r":\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)"
    r"|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+))"
)
_LAYER = r"(arn:(aws[a-zA-Z-]*)?:lambda:" + _REGION + r":\d{12}:layer:[a-zA-Z0-9-_]{1,140}|[a-zA-Z0-9-_]{1,140})"
_URL_FUNCTION = _ARN_HEAD + r"([a-zA-Z0-9-_]{1,64})(:((?!\d+$)[0-9a-zA-Z-_]+))?"
_EVENT_SOURCE = r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:(" + _REGION + r")?:(\d{12})?:(.*)"
_ACCESS_POINT = (
    r"arn:aws[a-zA-Z-]*:elasticfilesystem:" + _REGION + r":\d{12}:access-point/fsap-[a-f0-9]{17}$"
    r"|^arn:aws[-a-z]*:s3files:[0-9a-z-:]+:file-system/fs-[0-9a-f]{17,40}/access-point/fsap-[0-9a-f]{17,40}"
)
_TAG = r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"
TAG_KEY = Text(128, 1, _TAG, regex=_LETTERS)

NAME_LENGTH: Final = 64
"""The longest name of a function; ``FunctionName`` also takes an ARN and is longer."""
NAMESPACED_NAME: Final = Text(256, 1, _NAMESPACED)
QUALIFIER: Final = Text(128, 1, r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+")
ALIAS_NAME = Text(128, 1, r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)")

FunctionName = Annotated[str, Text(140, 1, _FUNCTION)]
NamespacedFunctionName = Annotated[str, NAMESPACED_NAME]
UnqualifiedFunctionName = Annotated[str, Text(140, 1, _ARN_HEAD + r"([a-zA-Z0-9-_]+)")]
UrlFunctionName = Annotated[str, Text(140, 1, _URL_FUNCTION)]
Qualifier = Annotated[str, QUALIFIER]
PublishedQualifier = Annotated[str, Text(128, 1, r"(|[a-zA-Z0-9$_-]+)")]
UrlQualifier = Annotated[str, Text(128, 1, r"((?!^\d+$)^[0-9a-zA-Z-_]+$)")]
Version = Annotated[str, Text(1024, 1, r"(\$LATEST(\.PUBLISHED)?|[0-9]+)")]
AliasName = Annotated[str, ALIAS_NAME]
RoutingWeights = Annotated[dict[str, float], Entries(Text(1024, 1, "[0-9]+"), Number(1.0, 0.0))]
Description = Annotated[str, Text(256, 0)]
RoleArn = Annotated[str, Text(10000, 0, r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+")]
Handler = Annotated[str, Text(128, 0, r"[^\s]+")]
Timeout = Annotated[int, Number(900, 1)]
"""Seconds. The model allows 5400, for managed instances only: AWS refuses more than 900 for ordinary functions."""
MemorySize = Annotated[int, Number(10240, 128)]
"""MB. The model allows 32768, for managed instances only."""
EphemeralStorageSize = Annotated[int, Number(10240, 512)]
PackageType = Annotated[str, Text(values=("Zip", "Image"))]
_ARCHITECTURE = Text(values=("x86_64", "arm64"))
Architecture = Annotated[str, _ARCHITECTURE]
Architectures = Annotated[list[str], Elements(1, 1, _ARCHITECTURE)]
EnvironmentVariables = Annotated[dict[str, str], Entries(Text(pattern="[a-zA-Z]([a-zA-Z0-9_])+"))]
TracingMode = Annotated[str, Text(values=("Active", "PassThrough"))]
SnapStartApplyOn = Annotated[str, Text(values=("PublishedVersions", "None"))]
LogFormat = Annotated[str, Text(values=("JSON", "Text"))]
ApplicationLogLevel = Annotated[str, Text(values=("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"))]
SystemLogLevel = Annotated[str, Text(values=("DEBUG", "INFO", "WARN"))]
LogGroup = Annotated[str, Text(512, 1, r"[\.\-_/#A-Za-z0-9]+")]
SubnetIds = Annotated[list[str], Elements(16, 0, Text(1024, 0, "subnet-[0-9a-z]*"))]
SecurityGroupIds = Annotated[list[str], Elements(5, 0, Text(1024, 0, "sg-[0-9a-zA-Z]*"))]
ResourceArn = Annotated[str, Text(10000, 0, _ANY_ARN)]
KmsKeyArn = Annotated[str, Text(10000, 0, _ANY_ARN)]
LayerName = Annotated[str, Text(2048, 1, _LAYER)]
LayerVersionArn = Annotated[str, Text(2048, 1, _LAYER_VERSION)]
LayerVersionArns = Annotated[list[str], Elements(each=Text(2048, 1, _LAYER_VERSION))]
LayerVersionNumber = Annotated[int, Field(strict=False)]
"""A part of the path, so it is read from text; whether it is positive is no rule of the model."""
EventSourceArn = Annotated[str, Text(10000, 0, _EVENT_SOURCE)]
EventSourceMappingId = Annotated[str, Text(36, 36)]
StatementId = Annotated[str, Text(100, 1, "([a-zA-Z0-9-_]+)")]
NamespacedStatementId = Annotated[str, Text(100, 1, "([a-zA-Z0-9-_.]+)")]
CapacityProviderState = Annotated[str, Text(values=("Pending", "Active", "Failed", "Deleting"))]
CompatibleRuntime = Annotated[str, Text(values=MODELLED_RUNTIMES)]
FileSystemArn = Annotated[str, Text(256, 0, _ACCESS_POINT)]
LocalMountPath = Annotated[str, Text(160, 0, r"/mnt/[a-zA-Z0-9-_.]+")]
DirectS3Read = Annotated[str, Text(values=("ENABLED", "DISABLED", "AUTO"))]
CodeSigningConfigArn = Annotated[
    str,
    Text(200, 0, r"arn:(aws[a-zA-Z-]*)?:lambda:" + _REGION + r":\d{12}:code-signing-config:csc-[a-z0-9]{17}"),
]
S3Bucket = Annotated[str, Text(63, 3, r"[0-9A-Za-z\.\-_]*(?<!\.)")]
S3Key = Annotated[str, Text(1024, 1, ".*")]
S3ObjectVersion = Annotated[str, Text(1024, 1, ".*")]
S3ObjectStorageMode = Annotated[str, Text(values=("COPY", "REFERENCE"))]
PublishTo = Annotated[str, Text(values=("LATEST_PUBLISHED",))]
MasterRegion = Annotated[str, Text(50, 1, "ALL|" + _REGION)]
AllVersions = Annotated[str, Text(values=("ALL",))]
MaxItems = Annotated[int, Field(strict=False), Number(10000, 1)]
"""A query parameter, so it is read from text."""
FewItems = Annotated[int, Field(strict=False), Number(50, 1)]
"""``MaxItems`` of lists whose pages are never longer."""
ReservedConcurrency = Annotated[int, Number(least=0)]
TaggableResource = Annotated[str, Text(10000, 1, _TAGGABLE)]
Tags = Annotated[dict[str, str], Entries(TAG_KEY, Text(256, 0, _TAG, regex=_LETTERS))]
TagKeys = Annotated[list[str], Elements(each=TAG_KEY)]
