// Reads change events with the npm package salesforce-pubsub-api-client, unchanged, and prints what it understood.
// Arguments: login URL, endpoint of the Pub/Sub API, client id, client secret.
import PubSubApiClient from 'salesforce-pubsub-api-client';

const [loginUrl, pubSubEndpoint, clientId, clientSecret] = process.argv.slice(2);
const quiet = { debug() {}, info() {}, warn() {}, error(...m) { console.error(...m); }, trace() {} };
const connect = async () => {
    const client = new PubSubApiClient({ authType: 'oauth-client-credentials', loginUrl, clientId, clientSecret, pubSubEndpoint, rejectUnauthorizedSsl: false }, quiet);
    await client.connect();
    return client;
};
const topic = '/data/OpportunityChangeEvent';
const collect = (client, count, replayId) =>
    new Promise((resolve, reject) => {
        const events = [];
        const callback = (subscription, type, data) => {
            if (type === 'event') {
                events.push(data);
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
const brief = (e) => {
    const h = e.payload.ChangeEventHeader;
    return { type: h.changeType, record: h.recordIds[0], changed: [...h.changedFields].sort(), nulled: h.nulledFields, amount: h.changeType === 'UPDATE' ? e.payload.Amount : null };
};

// A client keeps one stream per topic, so that a second start on it needs a second client.
const [client, second] = [await connect(), await connect()];
const all = await collect(client, 3);
const resumed = await collect(second, 1, all[1].replayId);
console.log(JSON.stringify({ all: all.map(brief), resumed: resumed.map(brief) }));
client.close();
second.close();
process.exit(0);
