// `npm run sim`: the simulator on worker processes; --help says how. The sources are TypeScript and are read as they are.
import { register } from "node:module";

register("./typescript-hook.mjs", import.meta.url);
process.setSourceMapsEnabled(true);
if (process.send === undefined) await (await import("./runner.ts")).main(process.argv.slice(2));
else (await import("./worker.ts")).serve();
