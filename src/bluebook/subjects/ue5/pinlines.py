"""A pin as its line in a paste: `CustomProperties Pin (PinId=…,PinName="then",…)`."""

from __future__ import annotations

from collections.abc import Mapping

from bluebook.subjects.ue5.catalogue import Catalogue
from bluebook.subjects.ue5.pins import AUTO, OBJECT, PLAIN, TEXT, default_fields
from bluebook.subjects.ue5.printing import quote
from bluebook.subjects.ue5.program import Type, Word
from bluebook.subjects.ue5.references import declared_type_fields, text_of
from bluebook.subjects.ue5.unreal import NAME, PARENT, USER, UnrealPin
from bluebook.subjects.ue5.values import to_literal, to_text, to_unreal

_OF_TYPE = (
    "PinCategory",
    "PinSubCategory",
    "PinSubCategoryObject",
    "PinSubCategoryMemberReference",
    "PinValueType",
    "ContainerType",
    "bIsReference",
    "bIsConst",
    "bIsWeakPointer",
    "bIsUObjectWrapper",
    "bSerializeAsSinglePrecisionFloat",
)
_FLAGS = (
    "bHidden",
    "bNotConnectable",
    "bDefaultValueIsReadOnly",
    "bDefaultValueIsIgnored",
    "bAdvancedView",
    "bOrphanedPin",
)
_WRITTEN = {
    NAME,
    PARENT,
    USER,
    "PinDefaultValue",
    "PersistentGuid",
    "PinFriendlyName",
    AUTO,
    OBJECT,
    PLAIN,
    TEXT,
}


def pin_line(pin: UnrealPin, pin_id: str, ends: Mapping[str, str], catalogue: Catalogue) -> str:
    """The line of a pin. `ends` are the fields that name other pins, as Unreal writes them; empty ones are
    left out."""
    fields = {"PinId": pin_id, "PinName": quote(pin.unreal)}
    fields |= _said(pin, "PinFriendlyName")
    if pin.output:
        fields["Direction"] = '"EGPD_Output"'
    fields |= {f"PinType.{name}": text for name, text in _type(pin, catalogue).items()}
    fields |= _defaults(pin, pin_id, catalogue)
    fields |= {name: text for name, text in ends.items() if text}
    fields["PersistentGuid"] = "0" * 32
    fields |= _said(pin, "PersistentGuid")
    for flag in _FLAGS:
        # A pin that was split gives way to its parts.
        hidden = flag == "bHidden" and bool(ends.get("SubPins"))
        fields[flag] = "True" if hidden or is_set(pin, flag) else "False"
    for param in pin.said:
        if param.key not in (*_WRITTEN, *_OF_TYPE, *_FLAGS):
            fields[param.key] = to_unreal(param.value)
    return f"CustomProperties Pin ({','.join(f'{name}={text}' for name, text in fields.items())},)"


def user_pin_line(pin: UnrealPin, catalogue: Catalogue) -> str:
    """The second line of a pin that a person added."""
    usual = {"PinSubCategory": '""', "PinSubCategoryObject": "None", "ContainerType": "None"}
    kind = [
        f"{name}={text}"
        for name, text in _type(pin, catalogue).items()
        if text not in ("False", "()") and usual.get(name) != text
    ]
    said = [f"PinName={quote(pin.unreal)}", f"PinType=({','.join(kind)})"]
    said += ["DesiredPinDirection=EGPD_Output"] if pin.output else []
    value = pin.param("PinDefaultValue")
    said += [f"PinDefaultValue={quote(text_of(value))}"] if value is not None else []
    return f"CustomProperties UserDefinedPin ({','.join(said)})"


def is_set(pin: UnrealPin, flag: str) -> bool:
    value = pin.param(flag)
    return isinstance(value, Word) and value.text.lower() == "true"


def _said(pin: UnrealPin, key: str) -> dict[str, str]:
    value = pin.param(key)
    return {} if value is None else {key: to_unreal(value)}


def _type(pin: UnrealPin, catalogue: Catalogue) -> dict[str, str]:
    fields = declared_type_fields(pin.kind, catalogue)
    for name in _OF_TYPE:
        fields |= _said(pin, name)
        fields.setdefault(name, "False")
    return fields


def _defaults(pin: UnrealPin, key: str, catalogue: Catalogue) -> dict[str, str]:
    """The fields of the pin's literal, else of what it usually is. `key` is for texts that can be
    translated."""
    found = default_fields(pin, catalogue)
    usual = text_of(pin.param(AUTO))
    if pin.param(AUTO) is None and pin.usual is not None and not pin.output:
        usual = to_literal(pin.usual, pin.kind or Type("Wildcard"))
    written = {PLAIN: quote(found.get(PLAIN, usual)), AUTO: quote(usual)}
    if OBJECT in found:
        written[OBJECT] = quote(found[OBJECT])
    text = pin.default if pin.param(TEXT) is None else pin.param(TEXT)
    if TEXT in found and text is not None:
        written[TEXT] = to_text(text, key)
    return {name: text for name, text in written.items() if text != '""'}
