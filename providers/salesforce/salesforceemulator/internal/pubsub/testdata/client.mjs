// Drives the npm package salesforce-pubsub-api-client against an emulator and prints what it understood, as JSON.
import PubSubApiClient from 'salesforce-pubsub-api-client';

const [endpoint, accessToken, instanceUrl, organizationId] = process.argv.slice(2);
const quiet = { debug() {}, info() {}, warn() {}, error(...m) { console.error(...m); }, trace() {} };
const connect = async () => {
    const client = new PubSubApiClient(
        { authType: 'user-supplied', accessToken, instanceUrl, organizationId, pubSubEndpoint: endpoint, rejectUnauthorizedSsl: false },
        quiet
    );
    await client.connect();
    return client;
};

// A client keeps one stream per topic, so that a second start on a topic needs a second client.
const collect = (client, topic, count, replayId) =>
    new Promise((resolve, reject) => {
        const events = [];
        const callback = (subscription, type, data) => {
            if (type === 'event') {
                events.push({ replayId: data.replayId, id: data.id, payload: data.payload });
            } else if (type === 'error') {
                reject(data);
            } else if (type === 'lastEvent') {
                resolve(events);
            }
        };
        if (replayId === undefined) {
            client.subscribeFromEarliestEvent(topic, callback, count);
        } else {
            client.subscribeFromReplayId(topic, callback, count, replayId);
        }
    });

const [client, second] = [await connect(), await connect()];
const published = await client.publish('/event/Shipped__e', {
    CreatedDate: 1, CreatedById: '005', Order__c: { string: 'O-1' }, Weight__c: { double: 2.5 }, On__c: null, Fragile__c: null
}, 'key-1');
const changes = await collect(client, '/data/AccountChangeEvent', 3);
const resumed = await collect(second, '/data/AccountChangeEvent', 1, changes[1].replayId);
const shipped = await collect(client, '/event/Shipped__e', 1);
console.log(JSON.stringify({ published, changes, resumed, shipped }, (key, value) => typeof value === 'bigint' ? value.toString() : value));
client.close();
second.close();
process.exit(0);
