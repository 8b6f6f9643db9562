// <span class="copy" data-copied="Copié"> with a text and a button.
document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy button");
  if (!button) return;
  const holder = button.closest(".copy");
  const text = holder.dataset.text ?? holder.querySelector(".copy-text").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(holder.querySelector(".copy-text"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return;
  }
  const word = holder.querySelector("[role=status]");
  word.textContent = holder.dataset.copied;
  setTimeout(() => { word.textContent = ""; }, 2000);
});
