// How long somebody who guesses at random would take over a password, from 1 to 4; 0 for nothing typed. The server computes the
// same (identity, domain/strength.py, which says what it measures and what not).
const ROWS = ["azertyuiop", "qsdfghjklm", "wxcvbn", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
const KINDS = [[/[a-z]/gu, 26], [/[A-Z]/gu, 26], [/[0-9]/gu, 10], [/[\x00-\x7f]/gu, 33], [/[^\x00-\x7f]/gu, 100]];
const BITS = [45, 60, 80];

export function strengthOf(password, avoided = []) {
  if (password === "") return 0;
  for (const part of avoided) password = password.replace(new RegExp(quoted(part), "giu"), "");
  const folded = [...password.toLowerCase()];
  const counted = folded.filter((_, at) => !isForeseen(folded, at)).length;
  const bits = counted * Math.log2(Math.max(variety(password), 1));
  return 1 + BITS.filter((least) => bits >= least).length;
}

function quoted(text) {
  return text.replace(/[\\^$*+?.()|[\]{}/]/g, "\\$&");
}

function variety(password) {
  let [rest, found] = [password, 0];
  for (const [pattern, size] of KINDS) {
    const left = rest.replace(pattern, "");
    if (left !== rest) found += size;
    rest = left;
  }
  return found;
}

function isForeseen(folded, at) {
  if (at < 2) return false;
  const [before, last, now] = folded.slice(at - 2, at + 1);
  const first = steps(before, last);
  return steps(last, now).some((step) => first.includes(step)) || folded.slice(0, at - 1).join("").includes(before + last + now);
}

function steps(one, other) {
  const difference = other.codePointAt(0) - one.codePointAt(0);
  const found = Math.abs(difference) <= 1 ? [`code ${difference}`] : [];
  for (const row of ROWS) {
    const [from, to] = [row.indexOf(one), row.indexOf(other)];
    if (from >= 0 && to >= 0 && Math.abs(to - from) === 1) found.push(`${row} ${to - from}`);
  }
  return found;
}
