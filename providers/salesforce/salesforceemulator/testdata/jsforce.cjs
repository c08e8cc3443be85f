// Drives the emulator through jsforce, unchanged. Prints one line per step; any failure ends the process with an error.
const jsforce = require("jsforce");
const assert = require("node:assert");

async function main() {
  const step = (name) => console.log("ok " + name);
  const conn = new jsforce.Connection({
    oauth2: { loginUrl: process.env.SF_URL, clientId: process.env.SF_CLIENT_ID, clientSecret: process.env.SF_CLIENT_SECRET },
    version: "64.0",
  });
  const me = await conn.authorize({ grant_type: "client_credentials" });
  assert.ok(me.id.startsWith("005") && me.organizationId.startsWith("00D"));
  step("login");

  const id = await conn.identity();
  assert.equal(id.username, "integration@acme.example");
  step("identity");

  const described = await conn.sobject("Account").describe();
  assert.ok(described.fields.some((f) => f.name === "Industry"));
  const global = await conn.describeGlobal();
  assert.ok(global.sobjects.length > 10);
  step("describe");

  const made = await conn.sobject("Account").create({ Name: "One" });
  assert.ok(made.success);
  await conn.sobject("Account").update({ Id: made.id, Industry: "Energy" });
  const read = await conn.sobject("Account").retrieve(made.id);
  assert.equal(read.Industry, "Energy");
  await assert.rejects(conn.sobject("Account").create({ Name: "x", Nope: 1 }), (e) => e.errorCode === "INVALID_FIELD");
  step("rows");

  const many = await conn.sobject("Account").create(Array.from({ length: 450 }, (_, i) => ({ Name: "Many " + i })), { allowRecursive: true });
  assert.equal(many.filter((r) => r.success).length, 450);
  const mixed = await conn.sobject("Account").create([{ Name: "Good 1" }, { Industry: "Energy" }, { Name: "Good 2" }]);
  assert.deepEqual(mixed.map((r) => r.success), [true, false, true]);
  assert.equal(mixed[1].errors[0].errorCode ?? mixed[1].errors[0].statusCode, "REQUIRED_FIELD_MISSING");
  assert.deepEqual(mixed[1].errors[0].fields, ["Name"]);
  const atOnce = await conn.sobject("Account").create([{ Name: "Never" }, { Industry: "Energy" }], { allOrNone: true });
  assert.deepEqual(atOnce.map((r) => r.success), [false, false]);
  const up = await conn.sobject("Account").upsert([{ Key__c: "k1", Name: "K1" }, { Key__c: "k2", Name: "K2" }], "Key__c");
  assert.deepEqual(up.map((r) => r.created), [true, true]);
  const one = await conn.sobject("Account").upsert({ Key__c: "k1", Name: "K1b" }, "Key__c");
  assert.ok(one.success);
  step("collections and upsert");

  const more = await conn.sobject("Account").create(Array.from({ length: 1800 }, (_, i) => ({ Name: "Many more " + i })), { allowRecursive: true });
  assert.equal(more.filter((r) => r.success).length, 1800);
  const first = await conn.query("SELECT Id, Name FROM Account WHERE Name LIKE 'Many%'");
  assert.equal(first.done, false);
  assert.equal(first.totalSize, 2250);
  assert.equal(first.records.length, 2000);
  const rest = await conn.queryMore(first.nextRecordsUrl);
  assert.equal(rest.done, true);
  assert.equal(rest.records.length, 250);
  const result = await conn.query("SELECT Id, Name, (SELECT Id FROM Contacts) FROM Account WHERE Name LIKE 'Many%'", { autoFetch: true, maxFetch: 10000, headers: { "Sforce-Query-Options": "batchSize=200" } });
  assert.equal(new Set(result.records.map((r) => r.Id)).size, 2250);
  await assert.rejects(conn.query("SELECT Nope FROM Account"), (e) => e.errorCode === "INVALID_FIELD");
  await assert.rejects(conn.query("SELEKT Id FROM Account"), (e) => e.errorCode === "MALFORMED_QUERY");
  const chained = await conn.sobject("Account").find({ Name: "One" }, "Id, Name").limit(1).execute();
  assert.equal(chained.length, 1);
  step("query");

  const composite = await conn.requestPost("/composite", {
    allOrNone: false,
    compositeRequest: [
      { method: "POST", url: "/services/data/v64.0/sobjects/Account", referenceId: "acc", body: { Name: "Composed" } },
      { method: "POST", url: "/services/data/v64.0/sobjects/Contact", referenceId: "con", body: { LastName: "Doe", AccountId: "@{acc.id}" } },
      { method: "GET", url: "/services/data/v64.0/sobjects/Contact/@{con.id}?fields=AccountId", referenceId: "read" },
      { method: "POST", url: "/services/data/v64.0/sobjects/Contact", referenceId: "bad", body: {} },
    ],
  });
  const parts = composite.compositeResponse;
  assert.deepEqual(parts.map((p) => p.httpStatusCode), [201, 201, 200, 400]);
  assert.equal(parts[2].body.AccountId, parts[0].body.id);
  assert.equal(parts[3].body[0].errorCode, "REQUIRED_FIELD_MISSING");
  step("composite");

  const window = [new Date(Date.parse(process.env.SF_NOW) - 3600e3).toISOString(), new Date(Date.parse(process.env.SF_NOW) + 60e3).toISOString()];
  const updated = await conn.sobject("Account").updated(window[0], window[1]);
  assert.ok(Array.isArray(updated.ids));
  const deleted = await conn.sobject("Account").deleted(window[0], window[1]);
  assert.ok(Array.isArray(deleted.deletedRecords));
  step("updated and deleted");

  const everything = await conn.query("SELECT COUNT() FROM Account");
  await conn.sobject("Account").destroy((await conn.sobject("Account").create({ Name: "Binned" })).id);
  const withDeleted = await conn.query("SELECT Id FROM Account WHERE IsDeleted = true AND Name = 'Binned'", { scanAll: true });
  assert.equal(withDeleted.totalSize, 1);
  assert.equal((await conn.query("SELECT COUNT() FROM Account")).totalSize, everything.totalSize);
  step("deleted records");

  const limits = await conn.limits();
  assert.ok(limits.DailyApiRequests.Max > 0);
  assert.ok(conn.limitInfo.apiUsage.used > 0);
  step("limits");

  const job = conn.bulk2.createJob({ object: "Account", operation: "insert" });
  await job.open();
  await job.uploadData("Name,NumberOfEmployees\nBulk 1,5\nBulk 2,6\n,7\n");
  await job.close();
  await job.poll(10, 10000);
  const res = await job.getAllResults();
  assert.equal(res.successfulResults.length, 2);
  assert.equal(res.failedResults.length, 1);
  assert.match(res.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:/);
  assert.equal(res.unprocessedRecords.length, 0);
  const info = await job.check();
  assert.deepEqual([info.state, info.numberRecordsProcessed, info.numberRecordsFailed], ["JobComplete", 3, 1]);
  const upserted = await conn.bulk2.loadAndWaitForResults({ object: "Account", operation: "upsert", externalIdFieldName: "Key__c", input: [{ Key__c: "k1", Name: "K1c" }, { Key__c: "k9", Name: "K9" }], pollInterval: 10 });
  assert.deepEqual(upserted.successfulResults.map((r) => r.sf__Created).sort(), ["false", "true"]);
  const stream = await conn.bulk2.query("SELECT Id, Name FROM Account WHERE Name LIKE 'Bulk%'", { pollInterval: 10 });
  const rows = await stream.toArray();
  assert.equal(rows.length, 2);
  step("bulk");

  const tooling = await conn.tooling.query("SELECT QualifiedApiName FROM EntityDefinition WHERE QualifiedApiName = 'Account'");
  assert.equal(tooling.records[0].QualifiedApiName, "Account");
  const values = { restricted: true, valueSetDefinition: { sorted: false, value: [{ valueName: "Gold", label: "Gold", default: false }] } };
  const field = await conn.tooling.sobject("CustomField").create({ FullName: "Account.Tier__c", Metadata: { type: "Picklist", label: "Tier", valueSet: values } });
  assert.ok(field.success && field.id.startsWith("00N"));
  const back = await conn.tooling.sobject("CustomField").retrieve(field.id);
  assert.deepEqual([back.FullName, back.Metadata.valueSet.valueSetDefinition.value[0].valueName], ["Account.Tier__c", "Gold"]);
  await assert.rejects(conn.tooling.sobject("CustomField").create({ FullName: "Account.Tier__c", Metadata: { type: "Date", label: "Tier" } }), (e) => e.errorCode === "DUPLICATE_DEVELOPER_NAME");
  const defined = await conn.tooling.query("SELECT QualifiedApiName, DataType FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Account' AND QualifiedApiName = 'Tier__c'");
  assert.deepEqual([defined.records.length, defined.records[0].DataType], [1, "Picklist"]);
  step("tooling");

  const layouts = await conn.sobject("Account").layouts();
  assert.equal(layouts.recordTypeMappings[0].master, true);
  assert.ok(layouts.recordTypeMappings[0].picklistsForRecordType.some((p) => p.picklistName === "Industry" && p.picklistValues.length > 5));
  step("layouts");

  const gone = await conn.sobject("Account").destroy([made.id]);
  assert.ok(gone[0].success);
  await assert.rejects(conn.sobject("Account").retrieve(made.id), (e) => e.errorCode === "ENTITY_IS_DELETED" || e.errorCode === "NOT_FOUND");
  step("destroy");

  await conn.oauth2.revokeToken(conn.accessToken);
  await assert.rejects(conn.query("SELECT Id FROM Account LIMIT 1"), /Unable to refresh session/);
  let renewed = 0;
  const lasting = new jsforce.Connection({
    instanceUrl: conn.instanceUrl, accessToken: conn.accessToken, version: "64.0",
    refreshFn: async (c, done) => {
      renewed++;
      const fresh = await conn.oauth2.requestToken({ grant_type: "client_credentials" });
      done(null, fresh.access_token);
    },
  });
  assert.equal((await lasting.query("SELECT Id FROM Account LIMIT 1")).records.length, 1);
  assert.equal(renewed, 1);
  step("revoked session");
}

main().catch((e) => { console.error(e); process.exit(1); });
