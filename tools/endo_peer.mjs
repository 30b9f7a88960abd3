// A peer of Endo's own OCapN implementation, from the user's own checkout of it: `node tools/endo_peer.mjs CHECKOUT ws|syrup|none`.
//
// Prints its locator as JSON, serves the objects Echo and Keep, and dials whatever a line of its input names.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [checkout, kind] = process.argv.slice(2);
const ocapn = join(checkout, 'packages', 'ocapn');
const { resolve } = createRequire(join(ocapn, 'package.json'));
const library = name => import(pathToFileURL(resolve(name)).href);
const part = name => import(pathToFileURL(join(ocapn, 'src', name)).href);

await library('@endo/init');
const { E } = await library('@endo/eventual-send');
const { Far } = await library('@endo/marshal');
const { makeClient } = await part('client/index.js');
const { encodeSwissnum } = await part('client/util.js');

setInterval(() => globalThis.gc(), 100);
let kept;
const swissnumTable = new Map([
  ['Echo', Far('echo', {
    echo: value => value,
    call: other => E(other).increment(5n),
    fail: () => { throw Error('as asked'); },
  })],
  ['Keep', Far('keep', {
    put: value => { kept = value; },
    get: () => kept,
    use: by => E(kept).increment(by),
  })],
]);
const client = makeClient({ debugLabel: 'endo', swissnumTable, debugMode: true });
const make = kind === 'ws'
  ? (await part('netlayers/websocket.js')).makeWebSocketNetLayer
  : (await part('netlayers/tcp-test-only.js')).makeTcpNetLayer;
const options = kind === 'ws' ? {} : { framing: kind };
const { location } = await client.registerNetlayer((handlers, logger) => make({ handlers, logger, ...options }));
console.log(`at ${JSON.stringify(location)}`);

const dial = async ({ location: there, swiss }) => {
  const session = await client._debug.provideInternalSession(there);
  const counter = E(session.ocapn.getRemoteBootstrap()).fetch(encodeSwissnum(swiss));
  return `${await E(counter).increment(7n)} ${await E(E(counter).child()).increment(3n)}`;
};
createInterface({ input: process.stdin }).on('line', line => {
  dial(JSON.parse(line)).then(
    numbers => console.log(`dialled ${numbers}`),
    error => console.log(`failed ${error}`),
  );
});
