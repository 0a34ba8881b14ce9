// The stylesheet of the page, for light and dark.
export const STYLE = `
:root { color-scheme: light dark; --page: #fff; --card: #fff; --ink: #1c2330; --soft: #667085; --line: #e3e7ee;
  --rxrpc: #2563c9; --openafs: #d97a16; --dgram: #7a8699; --grpc: #0f8f7e; --native: #7a3fc4; --openafs-native: #b0508c; --c-echo: #4d5563; --http: #b08900; --pass: #1a8a4a; --miss: #cf3341; }
@media (prefers-color-scheme: dark) { :root { --page: #12161d; --card: #181d26; --ink: #e6eaf1; --soft: #98a2b3;
  --line: #2b3340; --rxrpc: #6aa0ff; --openafs: #f0a04b; --dgram: #96a1b2; --grpc: #3cc7b3; --native: #b58cff; --openafs-native: #ea94c8; --c-echo: #c3cad6; --http: #e0b93a; --pass: #4cc481; --miss: #ff7582; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 40px 24px 64px; max-width: 1020px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 30px; line-height: 1.2; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 0 0 6px; }
.lead { font-size: 17px; color: var(--soft); margin: 4px 0 20px; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 10px 24px; margin: 0; }
dt { font-size: 12px; color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
section { margin-top: 28px; padding: 20px 22px; border: 1px solid var(--line); border-radius: 10px; background: var(--card); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 8px; font-size: 13px; color: var(--soft); }
.key { color: var(--ink); white-space: nowrap; }
.key::before { content: ""; display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; background: var(--c); }
.rxrpc { --c: var(--rxrpc); } .openafs { --c: var(--openafs); } .dgram { --c: var(--dgram); } .grpc { --c: var(--grpc); }
.native { --c: var(--native); } .openafs-native { --c: var(--openafs-native); } .c-echo { --c: var(--c-echo); } .http { --c: var(--http); }
.pass { --c: var(--pass); } .miss { --c: var(--miss); } .none { --c: var(--rxrpc); }
.key.goal::before { background: var(--ink); width: 3px; height: 13px; border-radius: 0; vertical-align: -2px; }
.scroll { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 640px; height: auto; margin-top: 4px; font-family: inherit; }
svg text { fill: var(--ink); } svg .head { font-weight: 600; } svg .tick { fill: var(--soft); font-size: 12px; }
svg .label.pass, svg .label.miss { fill: var(--c); font-weight: 600; }
.grid { stroke: var(--line); } .unity { stroke: var(--soft); stroke-dasharray: 3 3; }
.bar { fill: var(--c); opacity: 0.28; } .range { stroke: var(--c); stroke-width: 3; }
.server { fill: var(--c); opacity: 0.85; } .client { fill: var(--c); opacity: 0.3; } .reach { stroke: var(--c); stroke-width: 2; opacity: 0.5; }
.dot { fill: var(--c); opacity: 0.75; } .interval { stroke: var(--c); stroke-width: 3; stroke-linecap: round; }
.estimate { fill: var(--c); stroke: var(--card); stroke-width: 1.5; } .goal { stroke: var(--ink); stroke-width: 2.5; }
table { width: 100%; border-collapse: collapse; font-size: 14px; margin-top: 12px; }
th { text-align: left; font-size: 12px; font-weight: 600; color: var(--soft); } th, td { padding: 6px 10px; border-bottom: 1px solid var(--line); }
tbody tr:last-child td { border-bottom: 0; } .n { text-align: right; white-space: nowrap; }
pre { overflow-x: auto; font-size: 12px; line-height: 1.45; margin: 10px 0 0; } details { margin-top: 12px; }
summary { cursor: pointer; font-size: 14px; color: var(--soft); }
.verdict { color: var(--c); font-weight: 600; }
.warn { margin: 18px 0 0; padding: 8px 14px; border-left: 3px solid var(--openafs); color: var(--soft); }
.note, footer { font-size: 13px; color: var(--soft); } footer { margin-top: 28px; }
`;
