// Ids that llama.cpp gives texts: node llama_ids.mjs REQUESTS ANSWERS
//
// REQUESTS is a JSON list of {"file": "...gguf", "texts": [...], "special": true}; special tokens in texts are cut out unless `special` is false. ANSWERS becomes
// a list of ids a text, per request. Copy this file beside the node_modules that hold node-llama-cpp (npm install node-llama-cpp@3.21.1).
import fs from "node:fs";
import {getLlama} from "node-llama-cpp";

const requests = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const llama = await getLlama({gpu: false, build: "never", logLevel: "error"});
const answers = [];
for (const {file, texts, special} of requests) {
    const model = await llama.loadModel({modelPath: file, vocabOnly: true});
    answers.push(texts.map(text => Array.from(model.tokenize(text, special !== false))));
    await model.dispose();
}
fs.writeFileSync(process.argv[3], JSON.stringify(answers));
process.exit(0);
