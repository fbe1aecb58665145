"""Never run: every operation of Fynd as it is meant to be used, for the type checkers to agree with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import assert_type

from netaudience import FyndClient, Report, Run
from netaudience.model.wire import JsonValue
from netaudience.operations.bound import Pages
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
    Customer,
    CustomerList,
    CustomerSearch,
    CustomerUndeletion,
    CustomerUpdate,
    CustomerUpdateDict,
    Deleted,
    Done,
    FilteredUsers,
    Group,
    GroupCategories,
    GroupList,
    GroupMember,
    GroupMemberDict,
    GroupReplacement,
    GroupReplacementDict,
    GroupTags,
    GroupUpdate,
    GroupUpdateDict,
    GroupUsers,
    Job,
    JobList,
    NewAttributeDefinition,
    NewAttributeDefinitionDict,
    NewCustomer,
    NewCustomerDict,
    NewGroup,
    NewGroupDict,
    NewImport,
    NewImportDict,
    NumberPage,
    RefreshStarted,
    SessionKey,
    Sessions,
    SessionsEnded,
    Timeline,
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
    value: UserAttributeValueDict = {"user_id": "u1", "definition_id": "d1", "value": ["a", 1]}
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


async def customers(client: FyndClient) -> None:
    assert_type(client.list_customers(q="a", page_no=1, page_size=10), Pages[CustomerList, UserSummary])
    assert_type(await client.get_customer_timeline("u1"), Timeline)
    new: NewImportDict = {"absolute_url": "https://a.example/f.csv", "file_format": "csv"}
    job = await client.start_user_import(new)
    assert_type(job, Job)
    assert_type(job.done, bool)
    assert_type(await client.start_user_import(NewImport("https://a.example/f.csv", "csv")), Job)
    assert_type(client.list_user_imports(status="partial"), Pages[JobList, Job])
    assert_type(await client.start_user_export(file_format="csv"), Job)
    assert_type(client.list_user_exports(), Pages[JobList, Job])
    assert_type(await client.get_user_job("j1"), Job)
    assert_type(await client.wait_for_user_job(job_id="j1"), Job)


async def groups(client: FyndClient) -> None:
    member: GroupMemberDict = {"email": "a@example.com"}
    assert_type(await client.add_group_users([member, GroupMember("u1")], group_id="g1"), Report)
    assert_type(await client.remove_group_users([member], group_id="g1").settled(), Report)
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
    await client.replace_group(GroupReplacement("g1", "n"))
    replacement: GroupReplacementDict = {"group_id": "g1", "name": "n"}
    assert_type(await client.replace_group(replacement), Group)


async def changed_customers(client: FyndClient) -> None:
    new: NewCustomerDict = {"email": "a@example.com", "dob": date(1990, 5, 17)}
    assert_type(await client.create_customer(new, verified=True), Customer)
    await client.create_customer(NewCustomer(phone_number="9999999999"))
    change: CustomerUpdateDict = {"user_id": "u1", "emails": [{"email": "a@example.com"}]}
    assert_type(await client.update_customer(change), Customer)
    await client.update_customer(CustomerUpdate("u1", first_name="Ada"))
    assert_type(await client.set_customer_activation(["u1"], status=False), Report)
    assert_type(await client.archive_customer("u1"), Done)
    assert_type(await client.undelete_customer(CustomerUndeletion("u1", "why")), Done)
    assert_type(await client.get_customer_sessions("u1"), Sessions)
    assert_type(await client.end_customer_sessions("u1", reason="lost"), SessionsEnded)
    assert_type(await client.end_customer_session(SessionKey("u1", "s1")), SessionsEnded)
    assert_type(await client.get_user_attribute_by_id("a1"), UserAttribute)
    assert_type(
        client.filter_users(conditions=[{"definition_id": "d1", "type": "eq", "value": "gold"}]),
        Pages[FilteredUsers, UserSummary],
    )
