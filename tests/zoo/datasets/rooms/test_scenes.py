"""Scenes and their maps against what geometry and plain loops say."""

import numpy as np
import pytest

from benchbed_zoo.datasets.rooms.dataset import CLASSES
from benchbed_zoo.datasets.rooms.figure import Figure
from benchbed_zoo.datasets.rooms.layout import furnish
from benchbed_zoo.datasets.rooms.model import Model, Paint, rotation
from benchbed_zoo.datasets.rooms.render import (
    BASELINE,
    RANGE,
    STRUCTURE,
    edges,
    expose,
    holes,
    look,
    main_object,
    render,
    shade,
)
from benchbed_zoo.datasets.rooms.scene import Camera, Light, Scene, focal, make_scene, solids_of

HEIGHT, WIDTH = 48, 64
SCENES = range(4)


@pytest.fixture(scope="module")
def views():
    """Some scenes with their cameras and exact views."""
    found = []
    for index in SCENES:
        scene, camera = make_scene(3, 0, index, 1.0)
        found.append((scene, camera, look(scene, camera, HEIGHT, WIDTH)))
    return found


@pytest.fixture(scope="module")
def maps():
    """The same scenes as the cache holds them."""
    return [render(3, 0, index, HEIGHT, WIDTH, 1.0) for index in SCENES]


def unprojected(depth):
    """Points (3, H, W) in the camera's frame, from depth and the focal length."""
    height, width = depth.shape
    y, x = np.mgrid[:height, :width] + 0.5
    f = focal(height, width)
    return np.stack([(x - width / 2) / f * depth, (y - height / 2) / f * depth, depth])


def test_depth_is_along_the_optical_axis(views):
    for _, camera, view in views:
        points = unprojected(view.depth.reshape(HEIGHT, WIDTH)).reshape(3, -1)
        np.testing.assert_allclose(
            camera.eye[:, None] + camera.axes.T @ points, view.points, atol=1e-9
        )


def test_the_camera_is_level_and_its_frame_is_right_handed(views):
    for _, camera, _ in views:
        np.testing.assert_allclose(camera.axes @ camera.axes.T, np.eye(3), atol=1e-12)
        right, down, forward = camera.axes
        np.testing.assert_allclose(np.cross(right, down), forward, atol=1e-12)
        assert down[2] < -0.7
        assert abs(right[2]) < 0.2


def test_faces_of_the_room_are_where_its_size_says(views):
    for scene, _, view in views:
        width, depth, height = scene.size
        faces = [
            (0, -width / 2),
            (0, width / 2),
            (1, -depth / 2),
            (1, depth / 2),
            (2, 0),
            (2, height),
        ]
        for face, (axis, value) in enumerate(faces):
            on = view.surface == len(scene.solids.kind) + face
            np.testing.assert_allclose(view.points[axis, on], value, atol=1e-9)
            assert (np.abs(view.normals[axis, on]) == 1).all()
        assert (np.abs(view.points[:2]) <= scene.size[:2, None] / 2 + 1e-9).all()


def test_normals_agree_with_the_cross_products_of_neighbours(maps, views):
    for stored, (_, _, view) in zip(maps, views, strict=True):
        points = unprojected(view.depth.reshape(HEIGHT, WIDTH))
        across = np.diff(points, axis=2)[:, :-1]
        downwards = np.diff(points, axis=1)[:, :, :-1]
        crossed = np.cross(downwards, across, axis=0)
        crossed /= np.linalg.norm(crossed, axis=0)
        flat = view.normals.reshape(3, HEIGHT, WIDTH)
        surface = view.surface.reshape(HEIGHT, WIDTH)
        alike = np.ones((HEIGHT - 1, WIDTH - 1), bool)
        for y, x in ((1, 0), (0, 1)):
            moved = np.s_[y : HEIGHT - 1 + y, x : WIDTH - 1 + x]
            alike &= surface[moved] == surface[:-1, :-1]
            alike &= np.abs(flat[:, *moved] - flat[:, :-1, :-1]).max(axis=0) < 1e-9
        normals = stored["normals"][:, :-1, :-1] / 32767
        alike &= np.abs(normals).max(axis=0) > 0
        assert alike.mean() > 0.4
        np.testing.assert_allclose(normals[:, alike], crossed[:, alike], atol=1e-4)
        assert ((normals * points[:, :-1, :-1]).sum(axis=0)[alike] < 0).all()


def test_points_of_one_face_of_a_box_are_coplanar(maps, views):
    for stored, (_, _, view) in zip(maps, views, strict=True):
        depth = stored["depth"] / 1000
        points = unprojected(depth)
        wall = (view.surface == np.bincount(view.surface).argmax()).reshape(HEIGHT, WIDTH)
        wall &= depth > 0
        centred = points[:, wall] - points[:, wall].mean(axis=1, keepdims=True)
        normal, spread, _ = np.linalg.svd(centred, full_matrices=False)
        assert spread[2] / np.sqrt(wall.sum()) < 0.0005  # half a millimetre, of rounding
        found = stored["normals"][:, wall].T @ normal[:, 2] / 32767
        np.testing.assert_allclose(np.abs(found), 1, atol=1e-3)


def test_values_are_stored_to_within_half_a_step(maps, views):
    for stored, (_, camera, view) in zip(maps, views, strict=True):
        seen = stored["depth"].ravel() > 0
        wrong = stored["depth"].ravel()[seen] / 1000 - view.depth[seen]
        assert np.abs(wrong).max() <= 0.0005 + 1e-12
        normals = stored["normals"].reshape(3, -1)[:, seen] / 32767
        assert np.abs(normals - camera.axes @ view.normals[:, seen]).max() <= 0.5 / 32767 + 1e-12
        albedo = stored["albedo"].reshape(3, -1) / 255
        assert np.abs(albedo - view.albedo).max() <= 0.5 / 255 + 1e-12


def test_holes_of_depth_are_holes_of_normals(maps):
    for stored in maps:
        hole = stored["depth"] == 0
        np.testing.assert_array_equal(hole, (stored["normals"] == 0).all(axis=0))
        assert 0 < hole.mean() < 0.4
        length = np.linalg.norm(stored["normals"][:, ~hole] / 32767, axis=0)
        np.testing.assert_allclose(length, 1, atol=1e-4)


def test_edges_are_where_a_neighbour_is_another_instance(maps, views):
    for stored, (_, _, view) in zip(maps, views, strict=True):
        ids = np.pad(view.instance.reshape(HEIGHT, WIDTH), 1, mode="edge")
        inner = ids[1:-1, 1:-1]
        around = (ids[1:-1, :-2], ids[1:-1, 2:], ids[:-2, 1:-1], ids[2:, 1:-1])
        differs = np.any([inner != other for other in around], axis=0)
        assert np.array_equal(stored["edges"], differs)


def test_edges_of_a_mirrored_image_are_mirrored_edges(views):
    for _, _, view in views:
        ids = view.instance.reshape(HEIGHT, WIDTH)
        assert np.array_equal(edges(ids[:, ::-1]), edges(ids)[:, ::-1])


def test_one_instance_has_no_edges():
    assert not edges(np.full((5, 7), 3)).any()


def test_the_main_object_is_one_thing_as_far_as_it_is_visible(maps, views):
    for stored, (scene, _, view) in zip(maps, views, strict=True):
        ids = view.instance.reshape(HEIGHT, WIDTH)
        (main,) = np.unique(ids[stored["saliency"] == 1])
        np.testing.assert_array_equal(stored["saliency"], ids == main)
        assert scene.labels[main] not in STRUCTURE
        y, x = (np.mgrid[:HEIGHT, :WIDTH] + 0.5) / [[[HEIGHT]], [[WIDTH]]] * 2 - 1
        area = {k: ((1 - (x**2 + y**2) / 2) ** 2)[ids == k].sum() for k in np.unique(ids)}
        things = {k: v for k, v in area.items() if scene.labels[k] not in STRUCTURE}
        assert max(things, key=things.get) == main


def test_parts_are_those_of_one_figure_which_is_an_object(maps, views):
    seen = 0
    for stored, (scene, _, view) in zip(maps, views, strict=True):
        parts = stored["human_parts"]
        ids = view.instance.reshape(HEIGHT, WIDTH)
        figure = np.unique(scene.instance[scene.part > 0])
        assert len(figure) == 1
        np.testing.assert_array_equal(parts > 0, ids == figure[0])
        assert (stored["segmentation"][parts > 0] == CLASSES.index("objects")).all()
        seen += (parts > 0).any()
    assert seen >= 3


def test_segmentation_is_the_class_of_the_instance(maps, views):
    for stored, (scene, _, view) in zip(maps, views, strict=True):
        names = np.array(CLASSES)[stored["segmentation"]].ravel()
        assert names.tolist() == [scene.labels[k] for k in view.instance]


def test_rooms_without_people_have_no_parts():
    for index in SCENES:
        scene, _ = make_scene(3, 0, index, 0.0)
        assert not scene.part.any()


@pytest.mark.parametrize("seed", range(12))
def test_a_figure_stands_on_the_floor_and_has_all_parts(seed):
    figure = Figure(np.random.default_rng(seed))
    model = figure.standing()
    soles = [s.centre[2] - s.half[2] for s in model.solids if s.part == 6 and s.kind == 0]
    assert min(soles) == pytest.approx(0, abs=1e-9)
    assert sorted({solid.part for solid in model.solids}) == [1, 2, 3, 4, 5, 6]
    top = max(solid.centre[2] + solid.half[2] for solid in model.solids if solid.part == 1)
    assert top == pytest.approx(figure.tall, rel=0.12)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("seat", [0.42, 0.55])
def test_a_seated_figure_has_its_hips_on_the_seat_and_no_foot_below_the_floor(seed, seat):
    model = Figure(np.random.default_rng(seed)).sitting(seat)
    soles = [s.centre[2] - s.half[2] for s in model.solids if s.part == 6 and s.kind == 0]
    assert -0.01 <= min(soles) < 0.2
    thighs = [s for s in model.solids if s.part == 5]
    assert max(s.centre[1] for s in thighs) > -0.1
    assert all(s.centre[2] > seat - 0.25 for s in thighs)


@pytest.mark.parametrize("seed", range(12))
def test_furniture_is_inside_the_room_and_not_below_its_floor(seed):
    size = np.array([4.0, 5.0, 2.5])
    model = furnish(np.random.default_rng(seed), size, 0.0)
    for solid in model.solids:
        low, high = solid.centre - 0.6 * solid.half.max(), solid.centre + 0.6 * solid.half.max()
        assert (np.maximum(-low, high)[:2] < size[:2] / 2 + 0.65 * solid.half.max()).all()
        assert (np.abs(solid.centre[:2]) < size[:2] / 2).all()
        reach = float(np.abs(solid.axes[:, 2]) @ solid.half)
        assert solid.centre[2] - reach > -0.05
        assert solid.centre[2] + reach < size[2] + 0.05


def test_models_that_are_attached_are_turned_and_moved_as_a_whole():
    inner, outer = Model("chair"), Model("table")
    inner.box((1, 0, 0), (0.2, 0.4, 0.6), Paint((1, 1, 1)))
    inner.seats.append((np.array([0.0, 1.0, 0.4]), 0.5))
    outer.box((0, 0, 0), (1, 1, 1), Paint((1, 1, 1)))
    outer.attach(inner, (10, 20, 30), np.pi / 2)
    assert outer.labels == ["table", "chair"]
    assert [solid.instance for solid in outer.solids] == [0, 1]
    np.testing.assert_allclose(outer.solids[1].centre, [10, 21, 30], atol=1e-12)
    np.testing.assert_allclose(outer.solids[1].axes[0], [0, 1, 0], atol=1e-12)
    seat, yaw = outer.seats[0]
    np.testing.assert_allclose(seat, [9, 20, 30.4], atol=1e-12)
    assert yaw == pytest.approx(0.5 + np.pi / 2)


GREY = Paint((0.5, 0.5, 0.5))


def hand_made(paint=GREY, wall=3.0, lights=()):
    """A camera at 1.5 m in a grey room, 3 m from a wall; a board of 0.4 m × 0.4 m 1.5 m away."""
    model = Model("objects")
    model.box((0, 1.5 + 0.01, 1.5), (0.4, 0.02, 0.4), paint)
    size = np.array([8.0, 2 * wall, 3.0])
    scene = Scene(
        size=size,
        solids=solids_of(model),
        instance=np.arange(7),
        part=np.zeros(7, int),
        paints=[paint] + [GREY] * 6,
        labels=["objects", "wall", "wall", "wall", "wall", "floor", "ceiling"],
        lights=list(lights),
        ambient=0.2,
    )
    axes = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    return scene, Camera(np.array([0.0, 0.0, 1.5]), axes)


def test_the_emitters_shadow_is_as_wide_as_its_parallax():
    size = 255
    scene, camera = hand_made()
    view = look(scene, camera, size, size)
    hole = holes(scene, camera, view, np.random.default_rng(0)).reshape(size, size)
    row = np.median(hole[size // 2 - 20 : size // 2 + 21], axis=0) > 0
    shadow = np.flatnonzero(row & (np.arange(size) < size / 2))
    f = focal(size, size)
    assert len(shadow) == pytest.approx(BASELINE * f * (1 / 1.5 - 1 / 3), abs=1.01)
    assert shadow[-1] + 1 == pytest.approx(size / 2 - 0.2 * f / 1.5, abs=1.01)
    assert not row[np.arange(size) > size / 2].any()


@pytest.mark.parametrize(
    ("paint", "wall"),
    [(Paint((0.5, 0.5, 0.5), echo=0.005), 3.0), (GREY, RANGE[1] + 0.5)],
)
def test_glass_and_what_is_out_of_range_are_holes(paint, wall):
    scene, camera = hand_made(paint, wall)
    view = look(scene, camera, 33, 33)
    hole = holes(scene, camera, view, np.random.default_rng(0))
    if wall > RANGE[1]:
        assert hole[view.depth > RANGE[1]].all()
        assert not hole[view.instance == 0].all()
    else:
        assert hole[view.instance == 0].all()
        assert hole[view.instance != 0].mean() < 0.3


def test_shading_follows_lamberts_law_and_throws_shadows():
    at, power = np.array([0.0, 0.0, 1.5]), np.array([1.0, 0.5, 0.25])
    lit, camera = hand_made(lights=[Light(at, power)])
    view = look(lit, camera, 65, 65)
    light = shade(lit, camera, view).reshape(3, 65, 65)
    expected = 0.5 * (0.2 * 0.85 + power / (1 + 1.5**2 / 4))
    np.testing.assert_allclose(light[:, 32, 32], expected, rtol=1e-3)
    shaded, _ = hand_made(lights=[Light(np.array([0.0, 1.0, 1.5]), power)])
    around = shade(shaded, camera, view)[0, view.instance == 4]
    square = ((view.points[:, view.instance == 4] - [[0], [1.0], [1.5]]) ** 2).sum(axis=0)
    cosine = 2 / np.sqrt(square)
    hidden = (np.abs(view.points[0, view.instance == 4]) < 0.79) & (
        np.abs(view.points[2, view.instance == 4] - 1.5) < 0.79
    )
    expected = 0.5 * (0.2 * 0.85 + np.where(hidden, 0, cosine / (1 + square / 4)))
    np.testing.assert_allclose(around, expected, rtol=1e-9)


def test_exposure_gives_an_image_in_range_whatever_the_light():
    rng = np.random.default_rng(0)
    for power in (1e-3, 1, 1e3):
        image = expose(rng.random((3, 30 * 20)) * power, (30, 20), np.random.default_rng(1))
        assert ((image >= 0) & (image <= 1)).all()
        assert 0.15 < (image**2.2).mean() < 0.4


def test_no_main_object_in_an_empty_view():
    scene, camera = hand_made()
    turned = Camera(camera.eye, camera.axes @ rotation(np.pi / 2).T)
    assert main_object(scene, look(scene, turned, 16, 16)) == -1
    assert main_object(scene, look(scene, camera, 16, 16)) == 0
