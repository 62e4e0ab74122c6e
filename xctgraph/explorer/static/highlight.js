// Cypher and SQL in colour: elements with text, never markup.

import { h } from "./dom.js";

const WORDS = {
  cypher: "MATCH OPTIONAL WHERE RETURN WITH UNWIND AS ORDER BY LIMIT SKIP DISTINCT AND OR NOT XOR IN IS NULL CASE WHEN THEN ELSE END EXISTS COUNT ASC DESC CALL UNION ALL STARTS ENDS CONTAINS TRUE FALSE",
  sql: "SELECT FROM WHERE GROUP BY ORDER HAVING LIMIT OFFSET AS JOIN LEFT RIGHT INNER OUTER ON USING AND OR NOT IN IS NULL CASE WHEN THEN ELSE END DISTINCT WITH UNION ALL EXCEPT INTERSECT BETWEEN LIKE OVER PARTITION ASC DESC DESCRIBE SHOW EXPLAIN VALUES TRUE FALSE FILTER QUALIFY",
};
const KEYWORDS = Object.fromEntries(Object.entries(WORDS).map(([language, words]) => [language, new Set(words.split(" "))]));
const TOKEN = {
  cypher: /(\/\/[^\n]*|\/\*[\s\S]*?\*\/)|('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|(\$\w+|\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)|([A-Za-z_]\w*)/g,
  sql: /(--[^\n]*|\/\*[\s\S]*?\*\/)|('(?:''|[^'])*')|(\$\w+|\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)|([A-Za-z_]\w*)/g,
};

export function highlighted(text, language) {
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN[language])) {
    const [token, comment, string, number, word] = match;
    const kind = comment ? "c" : string ? "s" : number ? "d" : word && KEYWORDS[language].has(word.toUpperCase()) ? "k" : null;
    if (!kind) continue;
    parts.push(text.slice(at, match.index), h("span", { class: kind }, token));
    at = match.index + token.length;
  }
  return [...parts, text.slice(at)];
}
