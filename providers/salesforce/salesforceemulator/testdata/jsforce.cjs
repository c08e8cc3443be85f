// Drives the emulator through jsforce, unchanged. Prints one line per step; any failure ends the process with an error.
const jsforce = require("jsforce");
const assert = require("node:assert");

async function main() {
  const conn = new jsforce.Connection({ instanceUrl: process.env.SF_URL, accessToken: process.env.SF_TOKEN, version: "64.0" });
  const step = (name) => console.log("ok " + name);

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
  const up = await conn.sobject("Account").upsert([{ Key__c: "k1", Name: "K1" }, { Key__c: "k2", Name: "K2" }], "Key__c");
  assert.deepEqual(up.map((r) => r.created), [true, true]);
  const one = await conn.sobject("Account").upsert({ Key__c: "k1", Name: "K1b" }, "Key__c");
  assert.ok(one.success);
  step("collections and upsert");

  const result = await conn.query("SELECT Id, Name, (SELECT Id FROM Contacts) FROM Account WHERE Name LIKE 'Many%'", { autoFetch: true, maxFetch: 10000, scanAll: false, headers: { "Sforce-Query-Options": "batchSize=200" } });
  assert.equal(result.totalSize, 450);
  const chained = await conn.sobject("Account").find({ Name: "One" }, "Id, Name").limit(1).execute();
  assert.equal(chained.length, 1);
  step("query");

  const window = [new Date(Date.parse(process.env.SF_NOW) - 3600e3).toISOString(), new Date(Date.parse(process.env.SF_NOW) + 60e3).toISOString()];
  const updated = await conn.sobject("Account").updated(window[0], window[1]);
  assert.ok(Array.isArray(updated.ids));
  const deleted = await conn.sobject("Account").deleted(window[0], window[1]);
  assert.ok(Array.isArray(deleted.deletedRecords));
  step("updated and deleted");

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
  const stream = await conn.bulk2.query("SELECT Id, Name FROM Account WHERE Name LIKE 'Bulk%'", { pollInterval: 10 });
  const rows = await stream.toArray();
  assert.equal(rows.length, 2);
  step("bulk");

  const tooling = await conn.tooling.query("SELECT QualifiedApiName FROM EntityDefinition WHERE QualifiedApiName = 'Account'");
  assert.equal(tooling.records[0].QualifiedApiName, "Account");
  step("tooling");

  const gone = await conn.sobject("Account").destroy([made.id]);
  assert.ok(gone[0].success);
  await assert.rejects(conn.sobject("Account").retrieve(made.id), (e) => e.errorCode === "ENTITY_IS_DELETED" || e.errorCode === "NOT_FOUND");
  step("destroy");
}

main().catch((e) => { console.error(e); process.exit(1); });
