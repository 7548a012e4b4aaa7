// node score.mjs MODEL.gguf ASKED.json TOLD.json: what llama.cpp continues ids with, and how likely it finds them (`check.py --llama`). Needs `npm install node-llama-cpp@3.21.1`.
import { readFileSync, writeFileSync } from "node:fs";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

const [modelPath, asked, told] = process.argv.slice(2);
const { ids, all, new: count } = JSON.parse(readFileSync(asked, "utf8"));
const llama = await getLlama({ gpu: false, build: "never", maxThreads: 1, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath });
const plain = { flashAttention: false, experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32" };
const context = await model.createContext({ contextSize: all.length + 8, threads: 1, ...plain });
const sequence = context.getSequence();
const greedily = { token: true, options: { temperature: 0 } };
const scored = await sequence.controlledEvaluate(all.slice(0, -1).map((id) => [id, { generateNext: { ...greedily, probabilities: true } }]));
const logprobs = scored.map((at, i) => Math.log(at.next.probabilities.get(all[i + 1]) ?? 0));
await sequence.clearHistory();
const greedy = [];
for (let input = ids; greedy.length < count; input = greedy.slice(-1)) {
    const last = input.length - 1;
    const found = await sequence.controlledEvaluate(input.map((id, i) => (i < last ? id : [id, { generateNext: greedily }])));
    greedy.push(found[last].next.token);
}
writeFileSync(told, JSON.stringify({ greedy, logprobs }));
process.exit(0);
