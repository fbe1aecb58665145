"""Fynd's operations on attributes: their definitions, and the values that users have.

Facts only. Paths are those of the vendor's current SDKs but for one, of an older SDK, which says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from netaudience.errors import ConfigurationError
from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Provenance
from netaudience.model.rows import Rows
from netaudience.model.wire import JsonValue, Request
from netaudience.operations.declare import call, pages
from netaudience.vendors.fynd.facts import AUDIENCE, ONE, PAGE_SIZE, PREFIX, REQUESTS, USER
from netaudience.vendors.fynd.models import (
    AttributeDefinition,
    AttributeDefinitionList,
    AttributeDefinitionUpdate,
    AttributeDefinitionUpdateDict,
    BulkUpdateQueued,
    BulkUserAttributes,
    BulkUserAttributesDict,
    Deleted,
    FilteredUsers,
    NewAttributeDefinition,
    NewAttributeDefinitionDict,
    UserAttribute,
    UserAttributeKey,
    UserAttributeKeyDict,
    UserAttributeKeys,
    UserAttributeKeysDict,
    UserAttributeList,
    UserAttributesSet,
    UserAttributeValue,
    UserAttributeValueDict,
    UserAttributeValues,
    UserAttributeValuesDict,
    UserSummary,
)
from netaudience.vendors.fynd.pages import given, next_by_number, next_in_body
from netaudience.vendors.fynd.paths import part_of_path, split
from netaudience.vendors.fynd.rules import in_path

_DEFINITION_IDS = Identifiers("definition id", in_path)
_NEW = Rows(NewAttributeDefinition, key="slug", noun="slug")
_UPDATES = Rows(
    AttributeDefinitionUpdate,
    key="definition_id",
    noun="definition id",
    rule=lambda row: (
        None if len(row) > 1 else "The row changes nothing: give at least one field besides the definition_id"
    ),
)
_BULK = Rows(BulkUserAttributes, key="file_url", noun="file_url")
_VALUES = Rows(UserAttributeValue, key="user_id", noun="user id")
_KEYS = Rows(UserAttributeKey, key="user_id", noun="user id")
_SEVERAL_VALUES = Rows(UserAttributeValues, key="user_id", noun="user id")
_SEVERAL_KEYS = Rows(UserAttributeKeys, key="user_id", noun="user id")

_DEFINITIONS = f"{PREFIX}/user_attribute/definition"
_DEFINITION = f"{_DEFINITIONS}/{{definition_id}}"
_OF_USER = f"{PREFIX}/user_attribute/user/{{user_id}}"
_VALUE = f"{_DEFINITION}/user/{{user_id}}"

_GONE = "A deletion that is sent again is answered with 404: what is not found is gone as well."


def _definitions(page: AttributeDefinitionList) -> Sequence[AttributeDefinition]:
    return page.items


def _attributes(page: UserAttributeList) -> Sequence[UserAttribute]:
    return page.items


def _filtered(page: FilteredUsers) -> Sequence[UserSummary]:
    return page.items


class Attributes:
    """The operations on attributes."""

    @pages(
        "GET",
        _DEFINITIONS,
        rows=_definitions,
        following=next_by_number,
        quota=REQUESTS,
        docs=AUDIENCE,
    )
    def list_attribute_definitions(  # noqa: PLR0913 - the vendor's filters
        self,
        *,
        name: str | None = None,
        slug: str | None = None,
        type: str | None = None,  # noqa: A002 - the vendor's name
        customer_editable: bool | None = None,
        encrypted: bool | None = None,
        pinned: bool | None = None,
        is_locked: bool | None = None,
        page_no: int = 1,
        page_size: int = PAGE_SIZE,
    ) -> Request[AttributeDefinitionList]:
        """Read the definitions of attributes, page by page.

        The vendor calls it ``getUserAttributeDefinitions``. What is not given does not filter.

        Args:
            name: Only definitions of this name.
            slug: Only definitions of this slug.
            type: Only definitions of this type, such as ``string``.
            customer_editable: Only those that customers may, or may not, change themselves.
            encrypted: Only those that are, or are not, encrypted.
            pinned: Only those that are, or are not, pinned.
            is_locked: Only those that are, or are not, locked.
            page_no: The page to begin with; the first is 1.
            page_size: Definitions per page. The SDKs' default is 10 and the maximum is not known.
        """
        asked = given(
            page_no=page_no,
            page_size=page_size,
            name=name,
            slug=slug,
            type=type,
            customer_editable=customer_editable,
            encrypted=encrypted,
            pinned=pinned,
            is_locked=is_locked,
        )
        return Request(query=asked, answer=AttributeDefinitionList)

    @call(
        "POST",
        _DEFINITIONS,
        items=_NEW,
        limit=ONE,
        quota=REQUESTS,
        idempotent=False,
        acknowledges="applied",
        note="Not safe to repeat: look the definition up by its slug before sending it again.",
        docs=AUDIENCE,
    )
    def create_attribute_definition(
        self, definition: NewAttributeDefinition | NewAttributeDefinitionDict
    ) -> Request[AttributeDefinition]:
        """Create the definition of an attribute.

        The vendor calls it ``createUserAttributeDefinition``. Where the answer is lost it is in doubt
        whether there is a definition: `list_attribute_definitions` by its slug tells.

        Args:
            definition: Name, slug, description and type, all of them.
        """
        return Request(json=definition, answer=AttributeDefinition)

    @call("GET", _DEFINITION, items=_DEFINITION_IDS, limit=ONE, quota=REQUESTS, docs=AUDIENCE)
    def get_attribute_definition(self, definition_id: str) -> Request[AttributeDefinition]:
        """Read the definition of an attribute.

        The vendor calls it ``getUserAttributeDefinitionById``.

        Args:
            definition_id: The definition's id.
        """
        return Request(path={"definition_id": definition_id}, answer=AttributeDefinition)

    @call(
        "PUT",
        _DEFINITION,
        items=_UPDATES,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        docs=AUDIENCE,
    )
    def update_attribute_definition(
        self, update: AttributeDefinitionUpdate | AttributeDefinitionUpdateDict
    ) -> Request[AttributeDefinition]:
        """Change the definition of an attribute.

        The vendor calls it ``updateUserAttributeDefinition``.

        Args:
            update: The definition's id and at least one field that is to change.
        """
        path, fields = split(_UPDATES, update, "definition_id")
        return Request(path=path, json=fields, answer=AttributeDefinition)

    @call(
        "DELETE",
        _DEFINITION,
        items=_DEFINITION_IDS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        destructive=True,
        # Whether the values of all users go with it is not documented; the careful reading is that they do.
        app_wide=True,
        note=f"Concerns every user of the application. {_GONE}",
        docs=AUDIENCE,
        consent="deletes an attribute of every user of the application",
    )
    def delete_attribute_definition(self, definition_id: str, *, confirm: bool = False) -> Request[Deleted]:
        """Delete the definition of an attribute, which concerns **all users** of the application.

        The vendor calls it ``deleteUserAttributeDefinitionById``.

        Args:
            definition_id: The definition's id.
            confirm: Must be True; this concerns every user.
        """
        return Request(path={"definition_id": definition_id}, answer=Deleted)

    @call(
        "PATCH",
        f"{PREFIX}/user_attribute/bulk_update",
        items=_BULK,
        limit=ONE,
        quota=REQUESTS,
        idempotent=False,
        acknowledges="accepted",
        provenance=Provenance.REPORTED,
        unsaid="rows that name nobody are left out",
        note="Not safe to repeat: it starts a job. The path is that of an older SDK, which sent PUT to it; "
        "the page says PATCH.",
        settles="The end is reported nowhere: no page says how to ask for the job, or for single rows.",
        docs=AUDIENCE,
    )
    def bulk_update_user_attributes(
        self, update: BulkUserAttributes | BulkUserAttributesDict
    ) -> Request[BulkUpdateQueued]:
        """Give all users of a file the same values of attributes, later.

        The vendor calls it ``bulkUpdateUserAttributes``. The answer means that a job was started; what
        becomes of it, and of single rows, cannot be asked for.

        Args:
            update: The URL of the file, and the values by the attribute's key.
        """
        fields = _BULK.mapping(cast("BulkUserAttributes", update))
        values = cast("dict[str, JsonValue]", fields["attributes"])
        listed = [{"key": key, "value": value} for key, value in values.items()]
        return Request(json={"file_url": fields["file_url"], "attributes": listed}, answer=BulkUpdateQueued)

    @pages("GET", _OF_USER, rows=_attributes, following=next_by_number, quota=REQUESTS, docs=AUDIENCE)
    def list_user_attributes(
        self,
        *,
        user_id: str,
        type: str | None = None,  # noqa: A002 - the vendor's name
        name: str | None = None,
        page_no: int = 1,
        page_size: int = PAGE_SIZE,
    ) -> Request[UserAttributeList]:
        """Read the attributes of a user, page by page.

        The vendor calls it ``getUserAttributesForUser``.

        Args:
            user_id: The user's id at Fynd.
            type: Only attributes of this type.
            name: Only attributes of this name.
            page_no: The page to begin with; the first is 1.
            page_size: Attributes per page. The SDKs' default is 10 and the maximum is not known.
        """
        path = {"user_id": part_of_path(user_id, "user id")}
        asked = given(page_no=page_no, page_size=page_size, type=type, name=name)
        return Request(path=path, query=asked, answer=UserAttributeList)

    @call(
        "GET",
        _VALUE,
        items=Identifiers("user id", in_path),
        limit=ONE,
        quota=REQUESTS,
        docs=AUDIENCE,
    )
    def get_user_attribute(self, user_id: str, *, definition_id: str) -> Request[UserAttribute]:
        """Read one attribute of a user.

        The vendor calls it ``getUserAttributeById``, and ``getUserAttribute`` in its SDKs.

        Args:
            user_id: The user's id at Fynd.
            definition_id: The id of the attribute's definition.
        """
        path = {"user_id": user_id, "definition_id": part_of_path(definition_id, "definition id")}
        return Request(path=path, answer=UserAttribute)

    @call(
        "GET",
        f"{PREFIX}/user_attribute/attribute/{{attribute_id}}",
        items=Identifiers("attribute id", in_path),
        limit=ONE,
        quota=REQUESTS,
        docs=USER,
    )
    def get_user_attribute_by_id(self, attribute_id: str) -> Request[UserAttribute]:
        """Read one attribute of a user, by the id of the value itself.

        The vendor's SDKs call it ``getUserAttributeById``.

        Args:
            attribute_id: The ``id`` of the value, as the answers about a user's attributes have it.
        """
        return Request(path={"attribute_id": attribute_id}, answer=UserAttribute)

    @call(
        "PUT",
        _VALUE,
        items=_VALUES,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        docs=AUDIENCE,
    )
    def set_user_attribute(
        self, attribute: UserAttributeValue | UserAttributeValueDict
    ) -> Request[UserAttribute]:
        """Create or replace one attribute of a user.

        The vendor calls it ``updateUserAttribute``. Its answer is the same in both cases, so that it does
        not tell whether the attribute is new.

        Args:
            attribute: The user, the id of the definition, and the value.
        """
        path, fields = split(_VALUES, attribute, "user_id", "definition_id")
        rest = dict(fields)
        value = rest.pop("value")
        return Request(path=path, json={"attribute": {"value": value}, **rest}, answer=UserAttribute)

    @call(
        "DELETE",
        _VALUE,
        items=_KEYS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        destructive=True,
        note=_GONE,
        docs=AUDIENCE,
    )
    def delete_user_attribute(self, attribute: UserAttributeKey | UserAttributeKeyDict) -> Request[Deleted]:
        """Delete one attribute of a user.

        The vendor calls it ``deleteUserAttribute``.

        Args:
            attribute: The user and the id of the definition.
        """
        path, _ = split(_KEYS, attribute, "user_id", "definition_id")
        return Request(path=path, answer=Deleted)

    @call(
        "POST",
        _OF_USER,
        items=_SEVERAL_VALUES,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        docs=USER,
    )
    def set_user_attributes(
        self, attributes: UserAttributeValues | UserAttributeValuesDict
    ) -> Request[UserAttributesSet]:
        """Create or replace several attributes of a user in one request.

        The vendor calls it ``updateUserAttributes``.

        Args:
            attributes: The user, and the values by the id of the definition.
        """
        path, fields = split(_SEVERAL_VALUES, attributes, "user_id")
        values = cast("dict[str, JsonValue]", fields["attributes"])
        listed = [{"definition_id": name, "value": value} for name, value in values.items()]
        return Request(path=path, json={"attributes": listed}, answer=UserAttributesSet)

    @call(
        "DELETE",
        _OF_USER,
        items=_SEVERAL_KEYS,
        limit=ONE,
        quota=REQUESTS,
        idempotent=True,
        acknowledges="applied",
        destructive=True,
        note=f"What is deleted is named in the body of a DELETE, which a proxy may drop. {_GONE}",
        docs=USER,
    )
    def delete_user_attributes(
        self, attributes: UserAttributeKeys | UserAttributeKeysDict
    ) -> Request[Deleted]:
        """Delete several attributes of a user in one request.

        The vendor calls it ``deleteUserAttributesInBulk``.

        Args:
            attributes: The user, and the ids of the definitions.
        """
        path, fields = split(_SEVERAL_KEYS, attributes, "user_id")
        return Request(path=path, json=fields, answer=Deleted)

    @pages(
        "POST",
        f"{PREFIX}/user_attribute/users",
        rows=_filtered,
        following=next_in_body,
        quota=REQUESTS,
        docs=USER,
    )
    def filter_users(  # noqa: PLR0913 - the vendor's filters
        self,
        *,
        conditions: Sequence[Mapping[str, JsonValue]] = (),
        joined_by: str | None = None,
        definition_ids: Sequence[str] = (),
        email: str | None = None,
        has_email: bool | None = None,
        phone: str | None = None,
        country_code: str | None = None,
        has_phone: bool | None = None,
        page: int = 1,
        page_size: int = PAGE_SIZE,
    ) -> Request[FilteredUsers]:
        """Find the users whose attributes fulfil conditions, page by page.

        The vendor's SDKs call it ``filterUsersByAttributes``. It is the only question about the attributes of
        many users.

        Args:
            conditions: Objects with ``definition_id``, ``type`` (``eq``, ``in``, ``btw`` …), ``value`` and
                perhaps ``ignore_year``.
            joined_by: The word that joins the conditions, which goes as ``type``; which words there are is
                not documented.
            definition_ids: The ids of the definitions that are meant.
            email: Only users of this address.
            has_email: Only users who have, or have not, an address.
            phone: Only users of this number.
            country_code: The code of the country of that number.
            has_phone: Only users who have, or have not, a number.
            page: The page to begin with; the first is 1.
            page_size: Users per page, which goes as ``limit``. The maximum is not known.
        """
        if not all({"definition_id", "type"} <= one.keys() for one in conditions):
            raise ConfigurationError("Each condition must be an object with definition_id and type")
        given(page_no=page, page_size=page_size)
        asked = {
            "type": joined_by,
            "limit": page_size,
            "page": page,
            "conditions": [dict(one) for one in conditions],
            "definition_ids": list(definition_ids) or None,
            "email": email,
            "has_email": has_email,
            "phone": phone,
            "country_code": country_code,
            "has_phone": has_phone,
        }
        query = {name: value for name, value in asked.items() if value is not None}
        return Request(json={"query": query}, answer=FilteredUsers)
