"""Never run: every operation of Fynd as it is meant to be used, for the type checkers to agree with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_type

from netaudience import FyndClient, Report, Run
from netaudience.bound import Pages
from netaudience.vendors.fynd.models import (
    AttributeDefinition,
    AttributeDefinitionList,
    AttributeDefinitionUpdate,
    AttributeDefinitionUpdateDict,
    BulkUpdateQueued,
    BulkUserAttributes,
    BulkUserAttributesDict,
    CategorisedGroups,
    CursorPage,
    CustomerSearch,
    Deleted,
    Group,
    GroupCategories,
    GroupList,
    GroupTags,
    GroupUpdate,
    GroupUpdateDict,
    GroupUsers,
    NewAttributeDefinition,
    NewAttributeDefinitionDict,
    NewGroup,
    NewGroupDict,
    NumberPage,
    RefreshStarted,
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
from netaudience.wire import JsonValue


def sign(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Mapping[str, str]:
    return {"x-fp-signature": f"{method}{url}{len(headers)}{body!r}"}


def made() -> FyndClient:
    FyndClient.from_environment()
    return FyndClient(
        "id",
        "secret",
        "559",
        "app",
        base_url="https://api.fynd.com",
        routes={"refresh_group": "POST /user_group/{group_id}/refresh"},
        prefix="/v1/{company_id}/{application_id}",
        signer=sign,
    )


async def definitions(client: FyndClient) -> None:
    assert_type(
        client.list_attribute_definitions(
            name="n",
            slug="s",
            type="string",
            customer_editable=True,
            encrypted=False,
            pinned=None,
            is_locked=False,
            page_no=0,
            page_size=10,
        ),
        Pages[AttributeDefinitionList, AttributeDefinition],
    )
    async for definition in client.list_attribute_definitions():
        assert_type(definition, AttributeDefinition)
        assert_type(definition.version, int | None)
    async for page in client.list_attribute_definitions().pages():
        assert_type(page.page, NumberPage | None)
        assert_type(page.items, Sequence[AttributeDefinition])
    new = NewAttributeDefinition("n", "s", "d", "string")
    named: NewAttributeDefinitionDict = {"name": "n", "slug": "s", "description": "d", "type": "string"}
    assert_type(await client.create_attribute_definition(new), AttributeDefinition)
    assert_type(await client.create_attribute_definition(named), AttributeDefinition)
    assert_type(await client.create_attribute_definition.each([new, named]), Report)
    assert_type(await client.get_attribute_definition("d1"), AttributeDefinition)
    update: AttributeDefinitionUpdateDict = {"definition_id": "d1", "customer_editable": False}
    assert_type(await client.update_attribute_definition(update), AttributeDefinition)
    changed = AttributeDefinitionUpdate("d1", name="n", customer_editable=True)
    assert_type(await client.update_attribute_definition(changed), AttributeDefinition)
    assert_type(await client.delete_attribute_definition("d1", confirm=True), Deleted)


async def attributes(client: FyndClient) -> None:
    bulk: BulkUserAttributesDict = {"file_url": "https://a.example/f.csv", "attributes": {"tier": "gold"}}
    assert_type(await client.bulk_update_user_attributes(bulk), BulkUpdateQueued)
    await client.bulk_update_user_attributes(BulkUserAttributes("https://a.example/f.csv", {"a": [1]}))
    assert_type(
        client.list_user_attributes(user_id="u1", type="string", name="tier", page_no=1, page_size=10),
        Pages[UserAttributeList, UserAttribute],
    )
    attribute = await client.get_user_attribute("u1", definition_id="d1")
    assert_type(attribute, UserAttribute)
    assert attribute.attribute is not None
    assert_type(attribute.attribute.value, JsonValue)
    assert_type(client.get_user_attribute.each(["u1"], definition_id="d1"), Run[str])
    value: UserAttributeValueDict = {"user_id": "u1", "definition_id": "d1", "value": {"a": [1, None]}}
    assert_type(await client.set_user_attribute(value), UserAttribute)
    rows = [UserAttributeValue("u1", "d1", 2.5), UserAttributeValue("u1", "d2", ["a"])]
    assert_type(await client.set_user_attribute.each(rows), Report)
    key: UserAttributeKeyDict = {"user_id": "u1", "definition_id": "d1"}
    assert_type(await client.delete_user_attribute(key), Deleted)
    assert_type(await client.delete_user_attribute.each([UserAttributeKey("u1", "d1")]).settled(), Report)
    several: UserAttributeValuesDict = {"user_id": "u1", "attributes": {"d1": True}}
    assert_type(await client.set_user_attributes(several), UserAttributesSet)
    await client.set_user_attributes(UserAttributeValues("u1", {"d1": 1}))
    keys: UserAttributeKeysDict = {"user_id": "u1", "definition_ids": ["d1"]}
    assert_type(await client.delete_user_attributes(keys), Deleted)
    await client.delete_user_attributes(UserAttributeKeys("u1", ["d1"]))
    assert_type(await client.search_customers(q="a"), CustomerSearch)
    found = await client.search_customers(query=["a", "b"])
    assert_type(found.users, Sequence[UserSummary])


async def groups(client: FyndClient) -> None:
    assert_type(await client.list_group_tags(), GroupTags)
    assert_type(await client.list_group_categories(category="l1"), GroupCategories)
    assert_type(await client.list_categorised_groups(), CategorisedGroups)
    assert_type(
        client.list_groups(
            status="pending",
            type="bulk",
            name="n",
            group_uid="1",
            tags="t",
            category="l1",
            page_no=1,
            page_size=10,
        ),
        Pages[GroupList, Group],
    )
    new: NewGroupDict = {
        "name": "n",
        "description": "d",
        "category": "l1",
        "file_url": "https://a.example/f.csv",
    }
    assert_type(await client.create_group(new), Group)
    await client.create_group(NewGroup("n", "d", "l1", "https://a.example/f.csv"))
    group = await client.get_group("g1")
    assert_type(group, Group)
    assert_type(group.total_users, JsonValue)
    update: GroupUpdateDict = {"group_id": "g1", "name": "n"}
    assert_type(await client.update_group(update), Group)
    await client.update_group(GroupUpdate("g1", file_url="https://a.example/f.csv"))
    assert_type(await client.delete_group("g1"), Deleted)
    assert_type(
        client.list_group_users(
            group_id="g1",
            q="a",
            blacklisted_users=False,
            cursor="c",
            direction="next",
            page_no=1,
            page_size=10,
        ),
        Pages[GroupUsers, UserSummary],
    )
    async for page in client.list_group_users(group_id="g1").pages():
        assert_type(page.page, CursorPage | None)
    assert_type(await client.refresh_group("g1"), RefreshStarted)
