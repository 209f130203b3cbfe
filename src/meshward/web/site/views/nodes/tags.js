// Tags: what the gateway takes for one.

/** Tags as somebody wrote them, each once. */
export const tagsOf = (text) => [...new Set(text.toLowerCase().split(/[\s,;]+/).filter(Boolean))];

/** As the gateway has it. */
export const isTag = (tag) => /^[a-z0-9_.-]{1,32}$/.test(tag);
