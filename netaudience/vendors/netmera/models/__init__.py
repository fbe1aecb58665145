"""What Netmera's operations take and answer: rows that are checked, answers that tolerate.

A row is an attrs class with Python names, or a plain dict with the vendor's own; both are checked alike.
An answer's fields are all optional, for the vendor marks none as required; what it adds is kept in
``unknown``.
"""

from __future__ import annotations

from netaudience.vendors.netmera.models.contacts import (
    EmailUpdate,
    EmailUpdateDict,
    MsisdnUpdate,
    MsisdnUpdateDict,
    WhatsAppUpdate,
    WhatsAppUpdateDict,
)
from netaudience.vendors.netmera.models.devices import Device, DeviceList, DeviceToken, DeviceTokenPage
from netaudience.vendors.netmera.models.profiles import (
    AttributeDefinition,
    AttributeDefinitions,
    AttributeValue,
    AttributeValueDict,
    Profile,
    ProfileKeys,
    ProfileKeysDict,
    ProfileUpdate,
    ProfileUpdateDict,
    ProfileValues,
    ProfileValuesDict,
)
from netaudience.vendors.netmera.models.segments import (
    Segment,
    SegmentList,
    SegmentUser,
    SegmentUsers,
    UserCount,
)
from netaudience.vendors.netmera.models.users import (
    CategoryPreference,
    CategoryPreferenceDict,
    CategoryPreferences,
    EventDefinition,
    EventDefinitions,
    PushCategories,
    UserEvent,
    UserEventDict,
    UserRegistration,
    UserRegistrationDict,
)

__all__ = [
    "AttributeDefinition",
    "AttributeDefinitions",
    "AttributeValue",
    "AttributeValueDict",
    "CategoryPreference",
    "CategoryPreferenceDict",
    "CategoryPreferences",
    "Device",
    "DeviceList",
    "DeviceToken",
    "DeviceTokenPage",
    "EmailUpdate",
    "EmailUpdateDict",
    "EventDefinition",
    "EventDefinitions",
    "MsisdnUpdate",
    "MsisdnUpdateDict",
    "Profile",
    "ProfileKeys",
    "ProfileKeysDict",
    "ProfileUpdate",
    "ProfileUpdateDict",
    "ProfileValues",
    "ProfileValuesDict",
    "PushCategories",
    "Segment",
    "SegmentList",
    "SegmentUser",
    "SegmentUsers",
    "UserCount",
    "UserEvent",
    "UserEventDict",
    "UserRegistration",
    "UserRegistrationDict",
    "WhatsAppUpdate",
    "WhatsAppUpdateDict",
]
