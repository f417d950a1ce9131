# ruff: noqa: RUF001 - Turkish and Cyrillic letters are meant
"""What simulated pupils write: own sentences in the languages of a mixed class."""

from typing import Final

_PARAGRAPHS: Final = """\
Le cycle de l'eau. L'eau de la mer s'évapore, forme des nuages et retombe en pluie sur les
montagnes. Elle descend ensuite par les rivières. Une partie s'infiltre dans le sol.

Der Wald im Herbst. Die Blätter der Buchen werden erst gelb und dann braun. Eichhörnchen sammeln
Nüsse und vergraben sie; viele finden sie später nicht wieder.

My weekend. On Saturday we went to the market with my grandmother. She buys tomatoes only after
smelling them. In the evening we cooked together for the whole street.

Okulumuzun bahçesi. Bahçede üç büyük çınar ağacı var. Öğle arasında gölgesinde oturup kitap
okuyoruz. Geçen yıl bir kuş yuvası bulduk ve her gün yavruları izledik.

A minha cidade fica junto ao rio. De manhã cedo os pescadores regressam com os barcos. O mercado
abre às seis horas e cheira a pão quente e a laranjas.

Mój pies nazywa się Łatek. Codziennie rano czeka przy drzwiach. Kiedy wracam ze szkoły, biegnie
przez całe podwórko i szczeka z radości, aż słychać go u sąsiadów.

Quê em ở gần sông. Mùa hè chúng em bơi và câu cá. Buổi tối bà kể chuyện ngày xưa dưới ánh trăng,
còn mẹ nấu cơm và gọi mọi người vào ăn.

Весной в наш двор прилетают скворцы. Мы с братом сделали для них домик из старых досок. Дедушка
помог прибить крышу, и через неделю там поселилась семья.
"""

TEXTS: Final = tuple(" ".join(paragraph.split()) + " " for paragraph in _PARAGRAPHS.split("\n\n"))
