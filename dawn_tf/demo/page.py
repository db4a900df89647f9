"""The demo's page, in Gradio."""

import html

import gradio as gr

from dawn_tf.demo.answers import answer_of
from dawn_tf.demo.served import MAX_ROWS

MAX_BYTES = 20 * 2**20
CSS = """
.message {border-left: 4px solid #c0392b; padding: 0.6em 1em; background: #c0392b18}
.legend {margin-top: 0.4em}
.legend span {display: inline-block; width: 0.9em; height: 0.9em; margin: 0 0.4em 0 1em;
  vertical-align: -0.1em; border-radius: 2px}
.legend span:first-child {margin-left: 0}
.pictures {display: flex; flex-wrap: wrap; gap: 1em; margin-top: 1.4em}
.pictures figure {margin: 0; width: 230px}
.pictures img {width: 100%; image-rendering: pixelated; border-radius: 4px}
.pictures figcaption {opacity: 0.75; font-size: 0.9em}
table.answer, table.answer tr {width: 100%; border-collapse: collapse; border: 0 !important}
table.answer td, table.answer th {padding: 0.3em 0.6em; text-align: right;
  border: 0 !important; border-bottom: 1px solid #8884 !important;
  font-variant-numeric: tabular-nums}
table.answer td:first-child, table.answer th:first-child {text-align: left}
table.answer tr.chosen {font-weight: 600; background: #8882}
"""


def make_page(served):
    """`gr.Blocks` that answers about files with `served`, a `Served`."""
    wanted = "a JPEG or PNG image" if served.kind == "image" else "a CSV with a line of names"
    with gr.Blocks(title=served.card["name"], analytics_enabled=False) as page:
        gr.Markdown(f"# {served.card['name']}\n{served.card.get('intended_use', '')}")
        with gr.Row():
            with gr.Column(scale=1):
                # Of any type: what is wrong with a file is said below, not by the browser.
                file = gr.File(label=f"Drop {wanted}", type="filepath", elem_id="file")
                if served.columns:
                    gr.Markdown(f"Columns: {', '.join(served.columns)}. At most {MAX_ROWS} rows.")
                message = gr.HTML(visible=False, elem_id="message")
            with gr.Column(scale=2):
                answer = gr.HTML(elem_id="answer")
        limits = "\n".join(f"- {limit}" for limit in served.card.get("limits", ()))
        if limits:
            with gr.Accordion("Limits", open=False):
                gr.Markdown(limits)

        def on_file(path):
            if path is None:
                return "", gr.HTML(visible=False)
            try:
                return answer_of(served, path), gr.HTML(visible=False)
            except ValueError as error:
                said = f'<div class="message">{html.escape(str(error))}</div>'
                return "", gr.HTML(said, visible=True)

        file.change(on_file, file, [answer, message], api_name=False)
    return page


def launch(served, host, port, wait=True):
    """Serves the page; returns its address. Nothing is asked of any other server.

    Args:
        served: A `Served`.
        host: Address to listen on.
        port: Port to listen on.
        wait: Whether to return only when the process is interrupted.
    """
    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    _, address, _ = make_page(served).launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        prevent_thread_lock=not wait,
        theme=gr.themes.Default(**fonts),
        css=CSS,
        footer_links=[],
        max_file_size=MAX_BYTES,
        ssr_mode=False,
        enable_monitoring=False,
    )
    return address
