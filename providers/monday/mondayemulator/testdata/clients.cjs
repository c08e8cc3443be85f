// Drives an emulator with monday's own clients. Arguments: host:port, token, board id.
// Prints one JSON line per step; what is wrong ends it with a stack.
const [host, token, board] = process.argv.slice(2);
process.env.NODE_ENV = "development"; // lets monday-sdk-js be pointed at another host
process.env.MONDAY_COM_PROTOCOL = "http";
process.env.MONDAY_COM_DOMAIN = host;
process.env.MONDAY_SUBDOMAIN_API = "";

const { ApiClient } = require("@mondaydotcomorg/api");
const mondaySdk = require("monday-sdk-js");

const say = (step, value) => console.log(JSON.stringify({ step, value }));

(async () => {
  const api = new ApiClient({ token, apiVersion: "2026-10", endpoint: `http://${host}/v2` });
  const me = await api.operations.getMeOp();
  say("me", me.me.name);
  const groups = await api.operations.getBoardGroupsOp({ ids: [board] });
  const made = await api.operations.createItemOp({ boardId: board, groupId: groups.boards[0].groups[0].id, itemName: "from the client" });
  const itemId = made.create_item.id;
  await api.operations.changeSimpleColumnValueOp({ boardId: board, itemId, columnId: "note", value: "simple" });
  await api.operations.changeColumnValueOp({ boardId: board, itemId, columnId: "stage", value: JSON.stringify({ label: "Done" }) });
  await api.operations.changeMultipleColumnValuesOp({ boardId: board, itemId, columnValues: JSON.stringify({ note: "many" }) });
  const read = await api.operations.getBoardItemsOp({ ids: [board] });
  say("items", read.boards[0].items_page.items.map((i) => [i.name, i.column_values.find((c) => c.id === "note").value]));
  const raw = await api.rawRequest("query ($ids: [ID!]) { complexity { query } boards(ids: $ids) { name } }", { ids: [board] });
  say("raw", raw.data.boards[0].name);
  try {
    await api.operations.changeColumnValueOp({ boardId: board, itemId, columnId: "stage", value: JSON.stringify({ label: "Nope" }) });
    say("refusal", null);
  } catch (e) {
    say("refusal", e.response.errors[0].extensions.code);
  }

  const sdk = mondaySdk({ token, apiVersion: "2026-10" });
  const sdkMe = await sdk.api("query { me { name } account { tier } }");
  say("sdk", [sdkMe.data.me.name, sdkMe.data.account.tier]);
  const sdkVars = await sdk.api("query ($b: [ID!]) { boards(ids: $b) { items_page(limit: 1) { items { name } } } }", { variables: { b: board } });
  say("sdk variables", sdkVars.data.boards[0].items_page.items[0].name);
  const wrong = await sdk.api("query { me { shoe_size } }").catch((e) => ({ errors: e.errors || [{ extensions: { code: String(e) } }] }));
  say("sdk refusal", wrong.errors[0].extensions.code);
})().catch((e) => {
  console.error(e.stack || e);
  process.exit(1);
});
